/** The streaming readers against the obvious ones, whatever the chunks. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { badByte } from '../../src/data/sources/json-row.js';
import { duplicateKey } from '../../src/data/sources/duplicate-keys.js';
import { jsonLines } from '../../src/data/sources/json-lines.js';
import { jsonList } from '../../src/data/sources/json-list.js';
import type { RawRow } from '../../src/data/sources/source.js';

/** The bytes cut at the given places; each chunk is overwritten once the next is asked for, as a file reader does. */
async function* chunked(bytes: Buffer, cuts: readonly number[]): AsyncGenerator<Buffer> {
  const places = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  for (let i = 1; i < places.length; i++) {
    const chunk = Buffer.from(bytes.subarray(places[i - 1], places[i]));
    if (chunk.length === 0) continue;
    yield chunk;
    chunk.fill(0x7d);
  }
}

async function collect(batches: AsyncIterable<readonly RawRow[]>): Promise<RawRow[]> {
  const rows: RawRow[] = [];
  for await (const batch of batches) rows.push(...batch);
  return rows;
}

const cuts = fc.array(fc.nat(10_000), { maxLength: 12 });
const json = fc.jsonValue({ maxDepth: 3 });

describe('jsonLines', () => {
  it('gives the values and line numbers that splitting and parsing the whole text gives', async () => {
    const line = fc.oneof(
      json.map((value) => JSON.stringify(value)),
      fc.constantFrom('', '  ', '\t\r', '{broken', '{"a":1,}', '"\ud800"'),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(line, { maxLength: 12 }),
        fc.constantFrom('\n', '\r\n'),
        fc.boolean(),
        cuts,
        async (texts, end, finalEnd, places) => {
          const text = texts.join(end) + (finalEnd ? end : '');
          const rows = await collect(jsonLines(chunked(Buffer.from(text), places), 0, {}));
          const expected = Buffer.from(text)
            .toString()
            .split('\n')
            .flatMap((part, index): object[] => {
              if (part.trim() === '') return [];
              try {
                return [{ line: index + 1, value: JSON.parse(part) as unknown }];
              } catch {
                return [{ line: index + 1, problem: expect.stringContaining('not JSON') as string }];
              }
            });
          expect(rows).toEqual(expected);
        },
      ),
    );
  });
});

describe('jsonList', () => {
  it('gives the entries of the parsed list', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(json, { maxLength: 8 }),
        fc.constantFrom(undefined, 1, '\t'),
        cuts,
        async (list, indent, places) => {
          const text = ` ${JSON.stringify(list, undefined, indent)}\n`;
          const rows = await collect(jsonList(chunked(Buffer.from(text), places), 0, 'list.json', {}));
          expect(rows).toEqual((JSON.parse(text) as unknown[]).map((value, index) => ({ line: index + 1, value })));
        },
      ),
    );
  });

  it('refuses every proper beginning of a list', async () => {
    const text = Buffer.from('[{"a":"]\\"}"},[1,"x"],{}]');
    for (let length = 0; length < text.length; length++) {
      await expect(collect(jsonList(chunked(text.subarray(0, length), [3]), 0, 'list.json', {}))).rejects.toThrow(
        'not a JSON list of rows',
      );
    }
  });
});

describe('duplicateKey', () => {
  /** A value as it may be written: keys twice, spelled with escapes, with space around them. */
  type Written = { text: string; twice: boolean };
  const name = fc.constantFrom('a', 'prompt', 'x"y', 'back\\', 'é', '', '":', '__proto__');
  const spelled = fc.tuple(name, fc.boolean()).map(([key, escape]) => ({
    key,
    text: escape
      ? `"${[...key].map((letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`).join('')}"`
      : JSON.stringify(key),
  }));
  const space = fc.constantFrom('', '', ' ', '\n', '\t \r');
  const text = fc.constantFrom('plain', ': first', ' : then', 'say "a": 1', '{"a":1,"a":2}', '\\', '\\"', ':');
  const { object } = fc.letrec<{ object: Written; value: Written }>((tie) => ({
    object: fc.tuple(fc.array(fc.tuple(spelled, tie('value')), { maxLength: 4 }), space).map(([entries, gap]) => ({
      text: `{${entries.map(([key, value]) => `${gap}${key.text}${gap}:${gap}${value.text}${gap}`).join(',')}}`,
      twice: new Set(entries.map(([{ key }]) => key)).size < entries.length || entries.some(([, value]) => value.twice),
    })),
    value: fc.oneof(
      { depthSize: 'small' },
      text.map((content) => ({ text: JSON.stringify(content), twice: false })),
      tie('object'),
      fc.array(tie('value'), { maxLength: 3 }).map((entries) => ({
        text: `[${entries.map((entry) => entry.text).join()}]`,
        twice: entries.some(({ twice }) => twice),
      })),
    ),
  }));

  it('finds a key that an object has twice at whatever depth, and only that', () => {
    fc.assert(
      fc.property(object, (written) => {
        expect(duplicateKey(written.text, JSON.parse(written.text)) !== undefined).toBe(written.twice);
      }),
      { numRuns: 1000 },
    );
  });

  it.each([
    ['{"chosen":"x","chosen" : "y"}', 'chosen'],
    ['{"chosen":"x","chos\\u0065n":"y"}', 'chosen'],
    ['{"prompt":[{"role":"user","content":"hi","content":"other"}]}', 'content'],
    ['{"a":{"b":1},"b":{"b":1},"c":[{"b":1},{"b":1}]}', undefined],
    [`{"deep":${'['.repeat(50_000)}{"x":1,"x":2}${']'.repeat(50_000)}}`, 'x'],
  ])('%#: names it', (written, key) => {
    expect(duplicateKey(written, JSON.parse(written))).toBe(key);
  });
});

describe('badByte', () => {
  it('names the first byte that no UTF-8 text has there', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary' }),
        fc.constantFrom(0x80, 0xbf, 0xc0, 0xc1, 0xf5, 0xff),
        fc.string(),
        (before, bad, after) => {
          const start = Buffer.from(before);
          const bytes = Buffer.concat([start, Buffer.from([bad]), Buffer.from(after)]);
          expect(badByte(bytes)).toBe(`${bad.toString(16).toUpperCase()} at byte ${start.length + 1}`);
        },
      ),
    );
  });
});
