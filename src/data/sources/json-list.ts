/**
 * A JSON list of rows, read as a stream: brackets and strings are followed byte by byte, each entry is parsed by
 * itself. So a list of any size needs the memory of one row, and one bad row does not take the others with it.
 */
import { MrpoError } from '../../core/errors.js';
import { throwIfAborted } from '../../core/abort.js';
import { parseJsonRow } from './json-row.js';
import { DEFAULT_MAX_ROW_BYTES, type RawRow, type SourceOptions } from './source.js';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const OPEN_LIST = 0x5b;
const CLOSE_LIST = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

const isSpace = (byte: number): boolean => byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;

/** Where in a file the list stands. */
export interface ListOptions extends SourceOptions {
  /** The list is a part of the file: what follows it is not looked at. */
  readonly endsEarly?: boolean | undefined;
  /** The entries stand in the file without brackets around them, with or without commas between them. */
  readonly bare?: boolean | undefined;
}

/**
 * Entries of the list that begins after `skipBytes`; `line` is the 1-based number of the entry.
 * @throws MrpoError `data` if the list does not end.
 */
export async function* jsonList(
  chunks: AsyncIterable<Buffer>,
  skipBytes: number,
  path: string,
  options: ListOptions,
): AsyncGenerator<readonly RawRow[]> {
  const splitter = createSplitter(path, options);
  let skip = skipBytes;
  for await (const chunk of chunks) {
    throwIfAborted(options.signal);
    const batch = splitter.push(skip > 0 ? chunk.subarray(skip) : chunk);
    skip = Math.max(0, skip - chunk.length);
    if (batch.length > 0) yield batch;
    if (options.endsEarly === true && splitter.ended()) return;
  }
  const last = splitter.end();
  if (last.length > 0) yield last;
}

/** Follows the structure over chunk borders. Depth 0 = before or after the list, 1 = between entries. */
function createSplitter(
  path: string,
  { maxRowBytes = DEFAULT_MAX_ROW_BYTES, endsEarly = false, bare = false }: ListOptions,
): { push(chunk: Buffer): RawRow[]; ended(): boolean; end(): RawRow[] } {
  let depth = bare ? 1 : 0;
  let inString = false;
  let escaped = false;
  let ended = false;
  let row = 0;
  let held: Buffer[] = [];
  let heldBytes = 0;
  let inEntry = false;
  let afterComma = false;

  function finish(piece: Buffer, batch: RawRow[]): void {
    row++;
    const tooLong = heldBytes + piece.length > maxRowBytes;
    if (tooLong) batch.push({ line: row, problem: `the row is longer than ${Math.round(maxRowBytes / 2 ** 20)} MiB` });
    else batch.push({ line: row, ...parseJsonRow(held.length === 0 ? piece : Buffer.concat([...held, piece])) });
    held = [];
    heldBytes = 0;
    inEntry = false;
  }

  function push(chunk: Buffer): RawRow[] {
    const batch: RawRow[] = [];
    let start = 0;
    for (let at = 0; at < chunk.length; at++) {
      const byte = chunk[at] as number;
      if (inString) {
        if (escaped) escaped = false;
        else if (byte === BACKSLASH) escaped = true;
        else if (byte === QUOTE) inString = false;
        continue;
      }
      if (isSpace(byte)) continue;
      if (ended) {
        if (endsEarly) return batch;
        throw broken(`text after the end of the list, after row ${row}`);
      }
      if (depth === 0) {
        depth = 1;
        continue;
      }
      if (depth === 1 && (byte === COMMA || byte === CLOSE_LIST)) {
        if (inEntry) finish(chunk.subarray(start, at), batch);
        else if (bare) {
          if (byte === CLOSE_LIST) throw broken(`a bracket that nothing opened, after row ${row}`);
          continue;
        } else if (byte === COMMA || afterComma) throw broken(`an entry is missing after row ${row}`);
        afterComma = byte === COMMA;
        ended = byte === CLOSE_LIST && !bare;
        continue;
      }
      if (!inEntry) {
        inEntry = true;
        start = at;
      }
      if (byte === QUOTE) inString = true;
      else if (byte === OPEN_OBJECT || byte === OPEN_LIST) depth++;
      else if (byte === CLOSE_OBJECT || byte === CLOSE_LIST) {
        depth = Math.max(1, depth - 1);
        if (bare && depth === 1) finish(chunk.subarray(start, at + 1), batch);
      }
    }
    if (inEntry) {
      const rest = chunk.subarray(start);
      heldBytes += rest.length;
      if (heldBytes > maxRowBytes) held = [];
      else held.push(Buffer.from(rest));
    }
    return batch;
  }

  const broken = (what: string): MrpoError =>
    new MrpoError('data', `${path}: not a JSON list of rows: ${what}`, { details: { path, row } });

  return {
    push,
    ended: () => ended,
    end: () => {
      const batch: RawRow[] = [];
      if (bare && inEntry) finish(Buffer.alloc(0), batch);
      if (!ended && !bare) throw broken(`the file ends inside ${inEntry ? `row ${row + 1}` : 'the list'}`);
      return batch;
    },
  };
}
