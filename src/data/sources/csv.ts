/** CSV with a header line. Cells are text. */
import { Readable } from 'node:stream';
import { parse, type CsvError, type Parser } from 'csv-parse';

import { MrpoError } from '../../core/errors.js';
import { throwIfAborted } from '../../core/abort.js';
import { largest } from '../../core/extremes.js';
import { checkedHeader } from './header.js';
import { createLineStarts } from './line-starts.js';
import { createRecentBytes } from './recent-bytes.js';
import { DEFAULT_MAX_ROW_BYTES, type RawRow, type SourceOptions } from './source.js';
import { utf8Chunks } from './utf8-chunks.js';

const BATCH_ROWS = 1024;
const DELIMITERS = [',', ';', '\t', '|'];

/** How a CSV file is written, found from its beginning. */
export interface CsvShape {
  readonly delimiter: string;
  /** The byte that ends a line: a newline, or a return in a text without any. */
  readonly lineEnd: number;
  /** Columns of the header line, if nothing in it is quoted. */
  readonly columns: number;
  /** 1-based number of the header line: 2 after a line `sep=;`, which spreadsheet programs write for themselves. */
  readonly headerLine: number;
}

/** How a file is written, by its beginning: of comma, semicolon, tab and bar, the most frequent in the header line separates. */
export function csvShape(head: string): CsvShape {
  const lines = head.split(/\r?\n|\r/, 2);
  const lineEnd = (head.includes('\n') ? '\n' : '\r').charCodeAt(0);
  const said = /^"?sep=(.)"?$/i.exec(lines[0] ?? '')?.[1];
  if (said !== undefined)
    return { delimiter: said, lineEnd, headerLine: 2, columns: (lines[1] ?? '').split(said).length };
  const header = lines[0] ?? '';
  const counts = DELIMITERS.map((delimiter) => header.split(delimiter).length);
  const delimiter = DELIMITERS[counts.indexOf(largest(counts))] ?? ',';
  return { delimiter, lineEnd, headerLine: 1, columns: largest(counts) };
}

type Cells = Readonly<Record<string, string>>;

/**
 * Rows of a CSV file in order; `line` is the line a row begins on.
 * @throws MrpoError `data` for a header that cannot be used, text that is not UTF-8, or a row over the limit: where
 *   such a row ends cannot be known.
 */
export async function* csvRows(
  chunks: AsyncIterable<Buffer>,
  path: string,
  { delimiter, lineEnd, headerLine }: CsvShape,
  options: SourceOptions,
): AsyncGenerator<readonly RawRow[]> {
  const maxRowBytes = options.maxRowBytes ?? DEFAULT_MAX_ROW_BYTES;
  const lines = createLineStarts(lineEnd);
  const skipped: RawRow[] = [];
  // The parser's own line numbers count a return and a newline inside quotes as two lines; its byte counts are right.
  let recordEnd = 0;
  const recent = createRecentBytes(() => recordEnd);
  const recordLine = (): number => {
    const line = lines.lineFrom(recordEnd);
    recordEnd = parser.info.bytes;
    return line;
  };
  const parser: Parser = parse({
    bom: true,
    delimiter,
    from_line: headerLine,
    max_record_size: maxRowBytes,
    skip_empty_lines: true,
    relax_quotes: true,
    skip_records_with_error: true,
    columns: (header: string[]) => {
      recordLine();
      return checkedHeader(header, path, `line ${headerLine}`);
    },
    on_record: (cells: Cells) => {
      const begin = recordEnd;
      const line = recordLine();
      const doubtful = Object.values(cells).filter(mayHaveBackslashQuotes);
      if (doubtful.length === 0) return { line, cells };
      const written = recent.text(begin, recordEnd);
      if (doubtful.every((cell) => written.includes(quoted(cell)))) return { line, cells };
      skipped.push({ line, problem: BACKSLASH_QUOTES });
      return undefined;
    },
    on_skip: (error) => {
      const line = recordLine();
      if (error?.code === 'CSV_MAX_RECORD_SIZE') throw rowTooLong(path, line, maxRowBytes);
      skipped.push({ line, problem: `not CSV: ${whyUnreadable(error)}` });
      return undefined;
    },
  });
  const text = Readable.from(recent.keep(utf8Chunks(chunks, path, lines)));
  text.on('error', (error) => parser.destroy(error));
  text.pipe(parser);
  let batch: RawRow[] = [];
  try {
    for await (const entry of parser) {
      const { line, cells } = entry as { line: number; cells: Cells };
      // The parser is ahead of this loop: rows that it skipped further down wait for their turn.
      if ((skipped[0]?.line ?? line) < line) {
        const later = skipped.findIndex((row) => row.line > line);
        for (const row of skipped.splice(0, later < 0 ? skipped.length : later)) batch.push(row);
      }
      batch.push({ line, value: cells });
      if (batch.length < BATCH_ROWS) continue;
      throwIfAborted(options.signal);
      yield batch;
      batch = [];
    }
  } catch (cause) {
    if (cause instanceof MrpoError) throw cause;
    throw new MrpoError('data', `${path}: not CSV: ${cause instanceof Error ? cause.message : String(cause)}`, {
      cause,
    });
  } finally {
    text.destroy();
    parser.destroy();
  }
  batch = batch.concat(skipped);
  if (batch.length > 0) yield batch;
}

/** A cell that is quoted, and was not understood so: `"say \\"hi\\""`, as Spark and MySQL write it. Or that is such a text. */
const mayHaveBackslashQuotes = (cell: string): boolean =>
  cell.startsWith('"') && cell.endsWith('"') && cell.includes('\\"');
/** A cell as it is written, with its quotes doubled. */
const quoted = (cell: string): string => `"${cell.replaceAll('"', '""')}"`;
const BACKSLASH_QUOTES =
  'not CSV: quotes in it are escaped by backslashes; write the file with doubled quotes (Spark: option("escape", "\\""))';

function whyUnreadable(error: CsvError | undefined): string {
  if (error?.code === 'CSV_QUOTE_NOT_CLOSED')
    return 'a quote that is opened here is never closed; all that follows it is lost';
  if (error?.code !== 'CSV_RECORD_INCONSISTENT_COLUMNS') return error?.message ?? 'unreadable row';
  const { record, columns } = error as CsvError & { record: readonly string[]; columns: readonly unknown[] };
  return `expected ${columns.length} columns, got ${record.length}`;
}

const rowTooLong = (path: string, line: number, limit: number): MrpoError =>
  new MrpoError('data', `${path}: line ${line}: the row is longer than ${Math.round(limit / 2 ** 20)} MiB`, {
    hint: 'A quote that is never closed makes one row of all that follows it.',
  });
