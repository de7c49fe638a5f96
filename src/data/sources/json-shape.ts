/**
 * How a JSON file that begins with an object holds its rows, found by its structure alone: brackets and strings of its
 * first value are followed byte by byte, and the keys of that value noted. Nothing is kept but these keys.
 */
import { throwIfAborted } from '../../core/abort.js';

/** What a key of the object holds, by its first bytes. */
export type JsonKind = 'objects' | 'lists' | 'texts' | 'others' | 'empty' | 'object' | 'text' | 'scalar';

/** One key of the object, and where its value begins. */
export interface ShapeKey {
  readonly name: string;
  readonly kind: JsonKind;
  /** Byte of its value's first character. */
  readonly start: number;
  /** Entries of a list. */
  readonly entries: number;
}

/** The structure of a file's first value. */
export interface JsonShape {
  /** The object has a line end inside. */
  readonly severalLines: boolean;
  /** Something follows the object. */
  readonly more: boolean;
  /** The object is none: a string runs over a line end, or an object begins where none can. */
  readonly broken: boolean;
  /** Keys of the object, in order; at most {@link MAX_KEYS}. */
  readonly keys: readonly ShapeKey[];
}

const MAX_KEYS = 256;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const isSpace = (byte: number): boolean => byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;

/**
 * Follows the first value of a text that begins with an object. Reads on behind its end only to see if more is there.
 * @param skipBytes bytes of a byte order mark.
 */
export async function jsonShape(
  chunks: AsyncIterable<Buffer>,
  skipBytes: number,
  signal?: AbortSignal,
): Promise<JsonShape> {
  const scanner = createScanner();
  let offset = 0;
  for await (const chunk of chunks) {
    throwIfAborted(signal);
    if (scanner.push(chunk, offset, offset === 0 ? skipBytes : 0)) break;
    offset += chunk.length;
  }
  return scanner.shape();
}

interface OpenKey {
  name: string;
  kind: JsonKind;
  start: number;
  entries: number;
}

function createScanner(): { push(chunk: Buffer, offset: number, from: number): boolean; shape(): JsonShape } {
  let depth = 0;
  let inString = false;
  let escaped = false;
  let severalLines = false;
  let ended = false;
  let more = false;
  let broken = false;
  /** The last byte that is not space and not in a string. */
  let before = 0;
  const keys: OpenKey[] = [];
  /** Bytes of the key that is being read, without its quotes. */
  let keyBytes: number[] | undefined;
  let expectKey = true;
  let open: OpenKey | undefined;
  let sawEntry = false;

  const beginValue = (byte: number, at: number): void => {
    if (open === undefined || open.start >= 0) return;
    open.start = at;
    open.kind = byte === 0x5b ? 'empty' : byte === 0x7b ? 'object' : byte === QUOTE ? 'text' : 'scalar';
  };
  const beginEntry = (byte: number): void => {
    if (open === undefined || sawEntry) return;
    sawEntry = true;
    open.entries++;
    if (open.entries > 1) return;
    open.kind = byte === 0x7b ? 'objects' : byte === 0x5b ? 'lists' : byte === QUOTE ? 'texts' : 'others';
  };

  /** Whether all that matters is known. */
  function push(chunk: Buffer, offset: number, from: number): boolean {
    for (let at = from; at < chunk.length; at++) {
      const byte = chunk[at] as number;
      if (inString) {
        if (escaped) escaped = false;
        else if (byte === BACKSLASH) escaped = true;
        else if (byte === 0x0a) return (broken = true);
        else if (byte === QUOTE) {
          inString = false;
          if (keyBytes !== undefined) finishKey();
          continue;
        }
        if (keyBytes !== undefined && keyBytes.length < 512) keyBytes.push(byte);
        continue;
      }
      if (isSpace(byte)) {
        if (byte === 0x0a && depth > 0) severalLines = true;
        continue;
      }
      if (ended) {
        // A comma between objects is one more sign that more is to come, but none itself.
        if (byte === 0x2c) continue;
        return (more = true);
      }
      if (byte === 0x7b && depth > 0 && before !== 0x3a && before !== 0x2c && before !== 0x5b) return (broken = true);
      before = byte;
      if (depth === 1 && byte === 0x2c) {
        expectKey = true;
        open = undefined;
        continue;
      }
      if (depth === 1 && byte === 0x3a) continue;
      if (depth === 1 && !(byte === QUOTE && expectKey)) beginValue(byte, offset + at);
      if (depth === 2 && open?.start !== undefined && open.kind !== 'object') {
        if (byte === 0x2c) sawEntry = false;
        else if (byte !== 0x5d) beginEntry(byte);
      }
      if (byte === QUOTE) {
        inString = true;
        if (depth === 1 && expectKey) keyBytes = [];
      } else if (byte === 0x7b || byte === 0x5b) {
        depth++;
        if (depth === 2) sawEntry = false;
      } else if (byte === 0x7d || byte === 0x5d) {
        depth--;
        if (depth === 0) ended = true;
      }
    }
    return false;
  }

  function finishKey(): void {
    const text = Buffer.from(keyBytes ?? []).toString('utf8');
    keyBytes = undefined;
    expectKey = false;
    open = { name: unescaped(text), kind: 'scalar', start: -1, entries: 0 };
    if (keys.length < MAX_KEYS) keys.push(open);
  }

  return { push, shape: () => ({ severalLines, more, broken, keys }) };
}

function unescaped(text: string): string {
  try {
    return JSON.parse(`"${text}"`) as string;
  } catch {
    return text;
  }
}
