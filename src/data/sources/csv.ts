/** CSV with a header line. Cells are text; a cell that spells a JSON list of messages becomes one. */
import { Readable } from 'node:stream';
import { parse, type CsvError, type Info } from 'csv-parse';

import { MrpoError } from '../../core/errors.js';
import { throwIfAborted } from '../../core/abort.js';
import { RowProblem } from '../row-problem.js';
import { DEFAULT_MAX_ROW_BYTES, type RawRow, type SourceOptions } from './source.js';

const BATCH_ROWS = 1024;
const DELIMITERS = [',', ';', '\t', '|'];

/** The character that separates the columns of a header line: the most frequent of comma, semicolon, tab and bar. */
export function csvDelimiter(head: string): string {
  const header = head.split(/\r?\n/, 1)[0] ?? '';
  const counts = DELIMITERS.map((delimiter) => header.split(delimiter).length);
  return DELIMITERS[counts.indexOf(Math.max(...counts))] ?? ',';
}

/** Rows of a CSV file; `line` is the line a row begins on. @throws MrpoError `data` for a header that cannot be used. */
export async function* csvRows(
  chunks: AsyncIterable<Buffer>,
  path: string,
  delimiter: string,
  options: SourceOptions,
): AsyncGenerator<readonly RawRow[]> {
  const maxRowBytes = options.maxRowBytes ?? DEFAULT_MAX_ROW_BYTES;
  const skipped: RawRow[] = [];
  const parser = parse({
    bom: true,
    delimiter,
    info: true,
    max_record_size: maxRowBytes,
    skip_empty_lines: true,
    relax_quotes: true,
    skip_records_with_error: true,
    columns: (header: string[]) => checkedHeader(header, path),
    on_skip: (error: CsvError | undefined) => {
      skipped.push({ line: lineOf(error), problem: `not CSV: ${error?.message ?? 'unreadable row'}` });
      return undefined;
    },
  });
  const text = Readable.from(strictText(chunks, path));
  text.on('error', (error) => parser.destroy(error));
  text.pipe(parser);
  let batch: RawRow[] = [];
  try {
    for await (const entry of parser) {
      const { record, info } = entry as { record: Record<string, string>; info: Info };
      batch.push(...skipped.splice(0));
      batch.push(readRecord(record, info.lines - newlinesInside(record)));
      if (batch.length < BATCH_ROWS) continue;
      throwIfAborted(options.signal);
      yield batch;
      batch = [];
    }
  } catch (cause) {
    if (cause instanceof MrpoError) throw cause;
    throw new MrpoError('data', `${path}: not CSV: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  } finally {
    text.destroy();
    parser.destroy();
  }
  batch.push(...skipped);
  if (batch.length > 0) yield batch;
}

function checkedHeader(header: readonly string[], path: string): string[] {
  const names = header.map((name) => name.trim());
  const twice = names.find((name, index) => name !== '' && names.indexOf(name) !== index);
  if (twice !== undefined) throw new MrpoError('data', `${path}: the column ${JSON.stringify(twice)} appears twice in the header line`);
  if (names.every((name) => name === '')) throw new MrpoError('data', `${path}: line 1 has no column names; expected a header line`);
  return names;
}

/** A record ends on the line that csv-parse names; newlines inside its cells lead back to where it began. */
const newlinesInside = (record: Readonly<Record<string, string>>): number =>
  Object.values(record).reduce((sum, cell) => sum + cell.split('\n').length - 1, 0);

function readRecord(record: Readonly<Record<string, string>>, line: number): RawRow {
  try {
    return { line, value: Object.fromEntries(Object.entries(record).map(([name, cell]) => [name, cellValue(name, cell)])) };
  } catch (error) {
    if (error instanceof RowProblem) return { line, problem: error.message };
    throw error;
  }
}

const JSON_MESSAGES = /^\s*\[\s*\{\s*"(?:role|content|from|value)"/;
const PYTHON_MESSAGES = /^\s*\[\s*\{\s*'(?:role|content|from|value)'/;

function cellValue(name: string, cell: string): unknown {
  if (JSON_MESSAGES.test(cell)) {
    try {
      return JSON.parse(cell) as unknown;
    } catch (error) {
      throw new RowProblem(`${name}: a list of messages that is not JSON: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  if (PYTHON_MESSAGES.test(cell)) throw new RowProblem(`${name}: a list of messages in Python's notation; expected JSON`);
  return cell;
}

/** The number in csv-parse's messages, which all say "... line 12". */
const lineOf = (error: CsvError | undefined): number => Number(/line (\d+)/.exec(error?.message ?? '')?.[1] ?? 0);

async function* strictText(chunks: AsyncIterable<Buffer>, path: string): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  let line = 1;
  for await (const chunk of chunks) {
    let text: string;
    try {
      text = decoder.decode(chunk, { stream: true });
    } catch (cause) {
      throw new MrpoError('data', `${path}: is not UTF-8 text, somewhere after line ${line}`, {
        cause,
        hint: 'Spreadsheet programs often write Latin-1: iconv -f LATIN1 -t UTF-8 FILE > NEW',
      });
    }
    for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) line++;
    yield text;
  }
}
