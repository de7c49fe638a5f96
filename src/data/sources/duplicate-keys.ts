/**
 * A key written twice in one object: JSON.parse keeps the last value and says nothing, so half of a row would vanish.
 * A cheap count first (is each key there once?), the exact walk only where it is not.
 * A double that is spelled with a \u escape is not seen.
 */
import { isRow } from '../fields.js';

/** The first top-level key that appears twice, or `undefined`. `value` = what JSON.parse made of `text`. */
export function duplicateKey(text: string, value: unknown): string | undefined {
  if (!isRow(value)) return undefined;
  return eachOnce(text, Object.keys(value)) ? undefined : walkTopLevel(text);
}

/** One bit per key. */
const MOST_KEYS = 31;

/**
 * Whether each key stands exactly once before `":`, at any depth. One pass, because it runs for every row: it must
 * cost little beside JSON.parse. `false` only means that a closer look is needed.
 */
function eachOnce(text: string, keys: readonly string[]): boolean {
  if (keys.length > MOST_KEYS) return false;
  let found = 0;
  for (let at = text.indexOf('":'); at >= 0; at = text.indexOf('":', at + 2)) {
    for (let index = 0; index < keys.length; index++) {
      const key = keys[index] as string;
      const start = at - key.length;
      if (text.charCodeAt(start - 1) !== QUOTE || !text.startsWith(key, start)) continue;
      if ((found & (1 << index)) !== 0) return false;
      found |= 1 << index;
    }
  }
  return found === 2 ** keys.length - 1;
}

const QUOTE = 0x22;

/** Walks the text of a valid JSON object and compares its top-level keys. */
function walkTopLevel(text: string): string | undefined {
  const seen = new Set<string>();
  let depth = 0;
  let expectKey = false;
  for (let at = 0; at < text.length; at++) {
    const character = text[at];
    if (character === '"') {
      const end = stringEnd(text, at);
      if (depth === 1 && expectKey) {
        const key = JSON.parse(text.slice(at, end + 1)) as string;
        if (seen.has(key)) return key;
        seen.add(key);
        expectKey = false;
      }
      at = end;
    } else if (character === '{' || character === '[') {
      depth++;
      if (depth === 1) expectKey = true;
    } else if (character === '}' || character === ']') {
      depth--;
    } else if (character === ',' && depth === 1) {
      expectKey = true;
    }
  }
  return undefined;
}

/** Index of the quote that ends the string starting at `start`. */
function stringEnd(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at++) {
    if (text[at] === '\\') at++;
    else if (text[at] === '"') return at;
  }
  return text.length;
}
