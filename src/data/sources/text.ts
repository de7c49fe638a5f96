/** Files of text: JSON lines, JSON lists and objects, CSV. */
import { MrpoError } from '../../core/errors.js';
import type { DataBytes } from './bytes.js';
import { csvRows, csvShape } from './csv.js';
import { jsonLines } from './json-lines.js';
import { jsonList } from './json-list.js';
import { openJsonObject, type ObjectOptions } from './json-object.js';
import { jsonShape } from './json-shape.js';
import type { RowSource } from './source.js';
import { markedUtf16, requireUtf8Text, utf8FromUtf16, utf8MarkLength } from './text-encoding.js';

/**
 * Opens JSON, JSON lines or CSV, told apart by their content.
 * @throws MrpoError `data` if the text is in another encoding, or nothing that rows can be read from.
 */
export async function openText(file: DataBytes, options: ObjectOptions): Promise<RowSource> {
  const wide = markedUtf16(file.head);
  if (wide === undefined) return openUtf8(file, options);
  const opened = await openUtf8(converted(file, wide), options);
  return { ...opened, notes: [`${wide.toUpperCase()} text`, ...opened.notes] };
}

function converted(file: DataBytes, encoding: 'utf-16le' | 'utf-16be'): DataBytes {
  // The head may end inside a character; what is there of it says nothing.
  const head = Buffer.from(new TextDecoder(encoding).decode(file.head).replace(/\ufffd$/, ''));
  return { ...file, head, chunks: () => utf8FromUtf16(file.chunks(), encoding, file.path) };
}

async function openUtf8(file: DataBytes, options: ObjectOptions): Promise<RowSource> {
  const { path, head } = file;
  requireUtf8Text(head, path);
  const mark = utf8MarkLength(head);
  const text = head.toString('latin1', mark).trimStart();
  const named = /\.(jsonl|ndjson|json|csv|tsv|tab|txt|parquet|arrow|feather|xlsx?)$/i
    .exec(file.name)?.[1]
    ?.toLowerCase();
  if (text === '') throw new MrpoError('data', `${path}: holds white space only; expected rows`);
  requireNamedContent(path, named);
  const shape = csvShape(head.toString('utf8', mark).trimStart());
  if (named === 'csv' || named === 'tsv' || (named?.startsWith('t') === true && shape.columns > 1)) {
    const notes = shape.delimiter === ',' ? [] : [`columns are separated by ${JSON.stringify(shape.delimiter)}`];
    return { kind: 'CSV', place: 'line', notes, batches: csvRows(file.chunks(), path, shape, options) };
  }
  if (text.startsWith('[')) {
    const notes = named === 'json' ? [] : ['the file is one JSON list, not JSON lines'];
    return { kind: 'JSON list', place: 'row', notes, batches: jsonList(file.chunks(), mark, path, options) };
  }
  if (text.startsWith('{')) return openObjects(file, mark, named, options);
  const begins = JSON.stringify(head.toString('utf8', mark).trimStart().slice(0, 16));
  throw new MrpoError(
    'data',
    `${path}: begins with ${begins}; expected JSON lines ("{"), a JSON list ("["), Parquet, Arrow, .xlsx, or a name that ends in .csv`,
  );
}

/** A name that promises a binary format which is not there. */
function requireNamedContent(path: string, named: string | undefined): void {
  const binary = {
    parquet: 'Parquet',
    arrow: 'Arrow',
    feather: 'Arrow',
    xlsx: 'an Excel workbook',
    xls: 'a workbook that can be read',
  };
  const expected = binary[named as keyof typeof binary] as string | undefined;
  if (expected !== undefined)
    throw new MrpoError('data', `${path}: its name ends in .${named} but its content is not ${expected}`);
}

/** JSON lines, objects one after the other over several lines, or one object with the rows inside. */
async function openObjects(
  file: DataBytes,
  mark: number,
  named: string | undefined,
  options: ObjectOptions,
): Promise<RowSource> {
  const lines = (): RowSource => ({
    kind: 'JSON lines',
    place: 'line',
    notes: named === 'json' ? ['the file is JSON lines, not one JSON list'] : [],
    batches: jsonLines(file.chunks(), mark, options),
  });
  // Almost every file shows it on its second line; else its first value is followed to its end.
  if (/^\{.*\n\s*\{/.test(file.head.toString('latin1', mark).trimStart())) return lines();
  const shape = await jsonShape(file.chunks(), mark, options.signal);
  if (shape.broken || (shape.more && !shape.severalLines)) return lines();
  const inside = shape.more
    ? undefined
    : await openJsonObject(file, mark, shape, { ...options, ofLines: named === 'jsonl' || named === 'ndjson' });
  if (inside !== undefined) return inside;
  if (!shape.severalLines) return lines();
  return {
    kind: 'JSON objects over several lines',
    place: 'row',
    notes: [],
    batches: jsonList(file.chunks(), mark, file.path, { ...options, bare: true }),
  };
}
