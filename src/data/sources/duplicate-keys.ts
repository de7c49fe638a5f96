/**
 * A key written twice in one object: JSON.parse keeps the last value and says nothing, so half of a row would vanish.
 * A cheap count first (has the text as many keys as the value?), the exact walk only where the numbers differ.
 */
import { isList } from '../fields.js';

/** The first key that an object has twice, at any depth, or `undefined`. `value` = what JSON.parse made of `text`. */
export function duplicateKey(text: string, value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  return keyMarks(text) === countKeys(value) ? undefined : walk(text);
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/**
 * How many colons stand behind a closing quote: at least one per key, however the key is spelled, so as many keys in
 * the value say that none was lost. (A text that begins with a colon is counted too.) It runs for every row and must
 * cost little beside JSON.parse; colons are the rarest of the characters to look for.
 */
function keyMarks(text: string): number {
  let marks = 0;
  for (let at = text.indexOf(':'); at >= 0; at = text.indexOf(':', at + 1)) {
    let before = at - 1;
    while (isSpace(text.charCodeAt(before))) before--;
    if (text.charCodeAt(before) === QUOTE && !isEscaped(text, before)) marks++;
  }
  return marks;
}

const isSpace = (code: number): boolean => code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09;

/** Keys of all objects inside a value. Not by recursion: lists in lists may be deeper than the stack. */
function countKeys(value: object): number {
  const open: object[] = [value];
  let keys = 0;
  for (let object = open.pop(); object !== undefined; object = open.pop()) {
    const inside: readonly unknown[] = isList(object) ? object : Object.values(object);
    if (inside !== object) keys += inside.length;
    for (const entry of inside) if (typeof entry === 'object' && entry !== null) open.push(entry);
  }
  return keys;
}

/** Walks the text of a valid JSON value with the keys of every open object; `undefined` in their place for a list. */
function walk(text: string): string | undefined {
  const open: (Set<string> | undefined)[] = [];
  let expectKey = false;
  for (let at = 0; at < text.length; at++) {
    switch (text.charAt(at)) {
      case '"': {
        const end = stringEnd(text, at);
        const seen = open.at(-1);
        if (expectKey && seen !== undefined) {
          const key = JSON.parse(text.slice(at, end + 1)) as string;
          if (seen.has(key)) return key;
          seen.add(key);
          expectKey = false;
        }
        at = end;
        break;
      }
      case '{':
        open.push(new Set());
        expectKey = true;
        break;
      case '[':
        open.push(undefined);
        break;
      case '}':
      case ']':
        open.pop();
        break;
      case ',':
        expectKey = true;
        break;
    }
  }
  return undefined;
}

/** Index of the quote that ends the string starting at `start`. */
function stringEnd(text: string, start: number): number {
  let end = text.indexOf('"', start + 1);
  while (isEscaped(text, end)) end = text.indexOf('"', end + 1);
  return end;
}

/** Whether an odd number of backslashes stands before an index. */
function isEscaped(text: string, at: number): boolean {
  let before = at;
  while (text.charCodeAt(before - 1) === BACKSLASH) before--;
  return (at - before) % 2 === 1;
}
