/**
 * Lists and dictionaries as Python prints them (`[{'role': 'user', 'content': "it's"}]`): what pandas writes into a CSV
 * cell, and what NumPy makes of such a list. Only what stands for a JSON value; anything else is not understood.
 */

/** The value, or `undefined` if the text is no such literal, or has a key twice. */
export function parsePythonLiteral(text: string): unknown {
  const reader = createReader(text);
  try {
    const value = reader.value();
    return reader.atEnd() ? value : undefined;
  } catch (error) {
    if (error instanceof NotALiteral) return undefined;
    throw error;
  }
}

class NotALiteral extends Error {}

const ESCAPES: Readonly<Record<string, string>> = {
  n: '\n',
  t: '\t',
  r: '\r',
  a: '\x07',
  b: '\b',
  f: '\f',
  v: '\v',
  '\\': '\\',
  "'": "'",
  '"': '"',
};
const CODE_LENGTHS: Readonly<Record<string, number>> = { x: 2, u: 4, U: 8 };
const WORDS: Readonly<Record<string, unknown>> = { None: null, True: true, False: false, nan: null };
/** Deeper lists in lists are nothing that messages have. */
const MAX_DEPTH = 100;

function createReader(text: string): { value(): unknown; atEnd(): boolean } {
  let at = 0;
  let depth = 0;
  const fail = (): never => {
    throw new NotALiteral();
  };
  const skipSpace = (): void => {
    while (/\s/.test(text.charAt(at))) at++;
  };
  const next = (expected: string): boolean => {
    skipSpace();
    if (text.charAt(at) !== expected) return false;
    at++;
    return true;
  };

  function value(): unknown {
    skipSpace();
    const first = text.charAt(at);
    if (first === "'" || first === '"') return string(first);
    if (first === '[') return nested(list);
    if (first === '{') return nested(dictionary);
    const word = /^(?:[A-Za-z]+|-?\d+(?:\.\d+)?(?:e[+-]?\d+)?)/.exec(text.slice(at, at + 40))?.[0] ?? fail();
    at += word.length;
    if (Object.hasOwn(WORDS, word)) return WORDS[word];
    return /\d/.test(word) ? Number(word) : fail();
  }

  function nested<T>(read: () => T): T {
    if (++depth > MAX_DEPTH) fail();
    at++;
    const result = read();
    depth--;
    return result;
  }

  /** NumPy prints objects of an array one a line, without commas; texts without a comma could be one text. */
  const isNumpyBreak = (): boolean =>
    text.charAt(at) === '{' && /\}\s*\n\s*$/.test(text.slice(Math.max(0, at - 40), at));

  function list(): unknown[] {
    const entries: unknown[] = [];
    while (!next(']')) {
      if (entries.length > 0 && !next(',') && !isNumpyBreak()) fail();
      if (next(']')) break;
      entries.push(value());
    }
    return entries;
  }

  function dictionary(): Record<string, unknown> {
    const entries = new Map<string, unknown>();
    while (!next('}')) {
      if (entries.size > 0 && !next(',')) fail();
      if (next('}')) break;
      const key = value();
      if (typeof key !== 'string' || entries.has(key) || !next(':')) return fail();
      entries.set(key, value());
    }
    return Object.fromEntries(entries);
  }

  function string(quote: string): string {
    let result = '';
    for (at++; ; at++) {
      const plain = text.slice(at).search(quote === "'" ? /['\\\n]/ : /["\\\n]/);
      if (plain < 0) return fail();
      result += text.slice(at, at + plain);
      at += plain;
      const mark = text.charAt(at);
      if (mark === '\n') return fail();
      if (mark === quote) break;
      const escaped = text.charAt(++at);
      const digits = CODE_LENGTHS[escaped];
      if (digits === undefined) {
        result += ESCAPES[escaped] ?? fail();
        continue;
      }
      const code = text.slice(at + 1, at + 1 + digits);
      if (!/^[0-9a-fA-F]+$/.test(code) || code.length < digits || Number.parseInt(code, 16) > 0x10ffff) fail();
      result += String.fromCodePoint(Number.parseInt(code, 16));
      at += digits;
    }
    at++;
    return result;
  }

  return {
    value,
    atEnd: () => {
      skipSpace();
      return at === text.length;
    },
  };
}
