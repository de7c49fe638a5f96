/** JSON lines: one JSON value per line, split on newline bytes, in bounded memory whatever the file's size. */
import { throwIfAborted } from '../../core/abort.js';
import { parseJsonRow } from './json-row.js';
import { DEFAULT_MAX_ROW_BYTES, type RawRow, type SourceOptions } from './source.js';

const NEWLINE = 0x0a;

/** Rows of JSON lines. Lines of white space only are skipped; line numbers count them. */
export async function* jsonLines(
  chunks: AsyncIterable<Buffer>,
  skipBytes: number,
  options: SourceOptions,
): AsyncGenerator<readonly RawRow[]> {
  const maxRowBytes = options.maxRowBytes ?? DEFAULT_MAX_ROW_BYTES;
  let line = 0;
  let pending: Buffer[] = [];
  let pendingBytes = 0;
  let skip = skipBytes;

  const finishLine = (bytes: Buffer, batch: RawRow[]): void => {
    line++;
    if (bytes.length > maxRowBytes) batch.push({ line, problem: tooLong(maxRowBytes) });
    else if (!isBlank(bytes)) batch.push({ line, ...parseJsonRow(bytes) });
  };

  for await (const whole of chunks) {
    throwIfAborted(options.signal);
    const chunk = skip > 0 ? whole.subarray(skip) : whole;
    skip = 0;
    const batch: RawRow[] = [];
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      const piece = chunk.subarray(start, end);
      start = end + 1;
      if (pendingBytes === 0) finishLine(piece, batch);
      else if (pendingBytes + piece.length > maxRowBytes) batch.push({ line: ++line, problem: tooLong(maxRowBytes) });
      else finishLine(Buffer.concat([...pending, piece]), batch);
      pending = [];
      pendingBytes = 0;
    }
    const rest = chunk.subarray(start);
    pendingBytes += rest.length;
    // Of a line that is too long only its length is kept.
    if (pendingBytes > maxRowBytes) pending = [];
    else if (rest.length > 0) pending.push(Buffer.from(rest));
    if (batch.length > 0) yield batch;
  }
  if (pendingBytes > 0) {
    const batch: RawRow[] = [];
    if (pendingBytes > maxRowBytes) batch.push({ line: ++line, problem: tooLong(maxRowBytes) });
    else finishLine(Buffer.concat(pending), batch);
    yield batch;
  }
}

const tooLong = (limit: number): string => `the row is longer than ${Math.round(limit / 2 ** 20)} MiB`;

function isBlank(bytes: Buffer): boolean {
  for (const byte of bytes) {
    if (byte !== 0x20 && byte !== 0x09 && byte !== 0x0d) return false;
  }
  return true;
}
