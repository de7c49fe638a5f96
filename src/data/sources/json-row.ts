/** One row of JSON text from its bytes: its value, or why it is none. */
import { isAscii, isUtf8 } from 'node:buffer';

import { duplicateKey } from './duplicate-keys.js';

export type ParsedRow = { readonly value: unknown } | { readonly problem: string };

export function parseJsonRow(bytes: Buffer): ParsedRow {
  // ASCII is by far the most common and a Latin-1 copy of it costs half of a UTF-8 decoding.
  const ascii = isAscii(bytes);
  if (!ascii && !isUtf8(bytes)) return { problem: `not UTF-8: byte 0x${badByte(bytes)}` };
  const text = bytes.toString(ascii ? 'latin1' : 'utf8');
  try {
    const value = JSON.parse(text) as unknown;
    const twice = duplicateKey(text, value);
    return twice === undefined ? { value } : { problem: `the key ${JSON.stringify(twice)} appears twice` };
  } catch (error) {
    return { problem: `not JSON: ${error instanceof Error ? shorten(error.message) : String(error)}` };
  }
}

/** The first byte that is not UTF-8 and where it is, e.g. `E9 at byte 17`. */
export function badByte(bytes: Buffer): string {
  let low = 0;
  let high = bytes.length;
  // The longest valid beginning, give or take a character that is cut: bisect, then step back to where it starts.
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (validBeginning(bytes, middle)) low = middle;
    else high = middle - 1;
  }
  const byte = bytes[low] ?? 0;
  return `${byte.toString(16).toUpperCase().padStart(2, '0')} at byte ${low + 1}`;
}

function validBeginning(bytes: Buffer, length: number): boolean {
  for (let cut = 0; cut < 4 && cut <= length; cut++) {
    if (!isUtf8(bytes.subarray(0, length - cut))) continue;
    // Up to three bytes of an unfinished character may follow a valid beginning.
    return cut === 0 || startsCharacter(bytes.subarray(length - cut, length));
  }
  return false;
}

function startsCharacter(rest: Buffer): boolean {
  const first = rest[0] ?? 0;
  const expected = first >= 0xf0 && first <= 0xf4 ? 4 : first >= 0xe0 ? 3 : first >= 0xc2 ? 2 : 0;
  return first <= 0xf4 && rest.length < expected && rest.subarray(1).every((byte) => byte >= 0x80 && byte <= 0xbf);
}

const shorten = (message: string): string => (message.length > 160 ? `${message.slice(0, 157)}...` : message);
