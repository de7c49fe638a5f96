/** One row of JSON text from its bytes: its value, or why it is none. */
import { isAscii, isUtf8 } from 'node:buffer';

import { duplicateKey } from './duplicate-keys.js';

/** The value of a row, or what is wrong with its text. */
export type ParsedRow = { readonly value: unknown } | { readonly problem: string };

/**
 * Parses one row. NaN and Infinity become null, a comma behind the row is left out; a key that appears twice is a
 * problem.
 */
export function parseJsonRow(bytes: Buffer): ParsedRow {
  // ASCII is by far the most common and a Latin-1 copy of it costs half of a UTF-8 decoding.
  const ascii = isAscii(bytes);
  if (!ascii && !isUtf8(bytes)) return { problem: `not UTF-8: byte 0x${badByte(bytes)}` };
  const text = bytes.toString(ascii ? 'latin1' : 'utf8');
  try {
    return parsed(text);
  } catch (error) {
    const mended = withoutSlips(text);
    if (mended !== undefined) return parsed(mended);
    return { problem: `not JSON: ${error instanceof Error ? shorten(error.message) : String(error)}` };
  }
}

function parsed(text: string): ParsedRow {
  const value = JSON.parse(text) as unknown;
  const twice = duplicateKey(text, value);
  return twice === undefined ? { value } : { problem: `the key ${JSON.stringify(twice)} appears twice` };
}

const STRING_OR_SLIP = /"(?:[^"\\]|\\.)*"|-?\b(?:NaN|Infinity)\b|,\s*$/g;

/**
 * JSON without what some writers add to it and what can only mean one thing: Python's NaN and Infinity, which are null
 * here, and a comma behind the row. `undefined` if that is not all that is wrong.
 */
function withoutSlips(text: string): string | undefined {
  if (!/NaN|Infinity|,\s*$/.test(text)) return undefined;
  const mended = text.replace(STRING_OR_SLIP, (part) =>
    part.startsWith('"') ? part : part.startsWith(',') ? '' : 'null',
  );
  try {
    JSON.parse(mended);
    return mended;
  } catch {
    return undefined;
  }
}

/** The first byte that is not UTF-8 and where it is, e.g. `E9 at byte 17`. */
export function badByte(bytes: Buffer): string {
  let at = 0;
  for (let size = characterSize(bytes, at); size > 0; size = characterSize(bytes, at)) at += size;
  return `${(bytes[at] ?? 0).toString(16).toUpperCase().padStart(2, '0')} at byte ${at + 1}`;
}

/** Bytes of the valid UTF-8 character at an index; 0 if there is none. */
function characterSize(bytes: Buffer, at: number): number {
  const first = bytes[at];
  if (first === undefined) return 0;
  if (first < 0x80) return 1;
  const size = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  return isUtf8(bytes.subarray(at, at + size)) ? size : 0;
}

const shorten = (message: string): string => (message.length > 160 ? `${message.slice(0, 157)}...` : message);
