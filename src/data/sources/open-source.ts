/** From the name of a data source to its rows: what the file is, is decided by its content first and its name second. */
import { MrpoError } from '../../core/errors.js';
import { openBytes, type DataBytes } from './bytes.js';
import { jsonLines } from './json-lines.js';
import { jsonList } from './json-list.js';
import type { RowSource, SourceOptions } from './source.js';
import { requireUtf8Text, utf8MarkLength } from './text-encoding.js';

/** @throws MrpoError `data` if the source does not exist or is nothing that rows can be read from. */
export async function openSource(source: string, options: SourceOptions): Promise<RowSource> {
  const bytes = await openBytes(source);
  if (bytes.head.length === 0) throw new MrpoError('data', `${source}: is empty; expected rows`);
  requireUtf8Text(bytes.head, source);
  const opened = openText(source, bytes, options);
  return bytes.gzipped ? { ...opened, kind: `${opened.kind}, gzipped` } : opened;
}

function openText(path: string, bytes: DataBytes, options: SourceOptions): RowSource {
  const mark = utf8MarkLength(bytes.head);
  const start = bytes.head.toString('latin1', mark).trimStart();
  if (start === '' && bytes.head.length < 4096) throw new MrpoError('data', `${path}: holds white space only; expected rows`);
  if (start.startsWith('[')) return { kind: 'JSON list', notes: [], batches: jsonList(bytes.chunks, mark, path, options) };
  if (start.startsWith('{')) return { kind: 'JSON lines', notes: [], batches: jsonLines(bytes.chunks, mark, options) };
  throw new MrpoError('data', `${path}: begins with ${JSON.stringify(start.slice(0, 12))}; expected JSON lines ("{"), a JSON list ("[") or CSV`);
}
