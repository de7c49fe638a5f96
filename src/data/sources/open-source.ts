/** From the name of a data source to its rows: what a file is, is decided by its content first and its name second. */
import { MrpoError } from '../../core/errors.js';
import { openBytes, type DataBytes } from './bytes.js';
import { csvRows, csvShape } from './csv.js';
import { openHub, parseHubSource, type HubReader } from './hub.js';
import { jsonLines } from './json-lines.js';
import { jsonList } from './json-list.js';
import { isParquet, openParquet } from './parquet.js';
import type { RowSource, SourceOptions } from './source.js';
import { requireUtf8Text, utf8MarkLength } from './text-encoding.js';

export interface OpenOptions extends SourceOptions {
  /** Needed for `hub:` sources only. */
  readonly hub?: HubReader | undefined;
  /** Part of a hub data set, a folder, a JSON object or a workbook. */
  readonly split?: string | undefined;
  /** Configuration and revision of a hub data set. */
  readonly config?: string | undefined;
  readonly revision?: string | undefined;
}

/** @throws MrpoError `data` if the source does not exist or is nothing that rows can be read from. */
export async function openSource(source: string, options: OpenOptions): Promise<RowSource> {
  const hub = parseHubSource(source, options);
  if (hub !== undefined) return openHub(hub, options.hub);
  const bytes = await openBytes(source);
  if (bytes.head.length === 0) throw new MrpoError('data', `${source}: is empty; expected rows`);
  const opened = isParquet(bytes.head) ? await openParquet(source, bytes, options) : openText(source, bytes, options);
  return bytes.gzipped ? { ...opened, kind: `${opened.kind}, gzipped` } : opened;
}

function openText(path: string, bytes: DataBytes, options: SourceOptions): RowSource {
  requireUtf8Text(bytes.head, path);
  const mark = utf8MarkLength(bytes.head);
  const text = bytes.head.toString('latin1', mark).trimStart();
  const named = /\.(jsonl|ndjson|json|csv|tsv|parquet)(?:\.gz)?$/i.exec(path)?.[1]?.toLowerCase();
  if (text === '') throw new MrpoError('data', `${path}: holds white space only; expected rows`);
  if (named === 'parquet')
    throw new MrpoError('data', `${path}: its name ends in .parquet but its content is not Parquet`);
  if (named === 'csv' || named === 'tsv') {
    const shape = csvShape(text);
    const notes = shape.delimiter === ',' ? [] : [`columns are separated by ${JSON.stringify(shape.delimiter)}`];
    return { kind: 'CSV', place: 'line', notes, batches: csvRows(bytes.chunks, path, shape, options) };
  }
  if (text.startsWith('[')) {
    const notes = named === 'json' ? [] : ['the file is one JSON list, not JSON lines'];
    return { kind: 'JSON list', place: 'row', notes, batches: jsonList(bytes.chunks, mark, path, options) };
  }
  if (text.startsWith('{')) {
    requireLines(text, path);
    const notes = named === 'json' ? ['the file is JSON lines, not one JSON list'] : [];
    return { kind: 'JSON lines', place: 'line', notes, batches: jsonLines(bytes.chunks, mark, options) };
  }
  const begins = JSON.stringify(bytes.head.toString('utf8', mark).trimStart().slice(0, 16));
  throw new MrpoError(
    'data',
    `${path}: begins with ${begins}; expected JSON lines ("{"), a JSON list ("["), Parquet, or a name that ends in .csv`,
  );
}

/** One object over several lines is a file of something else, or rows written out prettily; every line of it would fail. */
function requireLines(text: string, path: string): void {
  const firstLine = text.split('\n', 1)[0]?.trim() ?? '';
  if (firstLine !== '{' && !/^\{\s*"[^"]*"\s*:\s*[[{]?$/.test(firstLine)) return;
  throw new MrpoError(
    'data',
    `${path}: holds one JSON object over several lines; expected a JSON list of rows, or one object per line`,
    {
      hint: 'Take the list out of it (jq .data FILE > NEW.json), or write rows on one line each (jq -c . FILE > NEW.jsonl).',
    },
  );
}
