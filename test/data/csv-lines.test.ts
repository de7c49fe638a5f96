/** Line numbers of CSV rows, against the numbers that writing the file gives. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { csvRows, csvShape } from '../../src/data/sources/csv.js';
import type { RawRow } from '../../src/data/sources/source.js';

async function rowsOf(text: string, chunkBytes = 2 ** 20): Promise<RawRow[]> {
  const bytes = Buffer.from(text);
  async function* chunks(): AsyncGenerator<Buffer> {
    for (let at = 0; at < bytes.length; at += chunkBytes) yield Buffer.from(bytes.subarray(at, at + chunkBytes));
  }
  const rows: RawRow[] = [];
  for await (const batch of csvRows(chunks(), 'table.csv', csvShape(text), {})) rows.push(...batch);
  return rows;
}

describe('csvRows', () => {
  const plain = fc.constantFrom('x', 'two words', 'naïve 中文 😀', 'a "quote" inside');
  const quoted = (end: string) =>
    fc.constantFrom('', 'a', `one${end}two`, `${end}`, `x${end}${end}y`, 'say "hi", please', '"say \\"hi\\""', 'é');
  const table = fc.constantFrom('\n', '\r\n', '\r').chain((end) => {
    const cell = fc.oneof(
      plain,
      quoted(end).map((text) => `"${text.replaceAll('"', '""')}"`),
    );
    const record = fc.array(cell, { minLength: 1, maxLength: 4 }).map((cells) => ({ cells, text: cells.join() }));
    return fc.record({
      end: fc.constant(end),
      mark: fc.constantFrom('', '\ufeff'),
      entries: fc.array(fc.oneof(record, fc.constant({ cells: [], text: '' })), { maxLength: 12 }),
      lastEnd: fc.boolean(),
    });
  });

  it('gives rows and unreadable rows in order, each with the line it begins on', async () => {
    await fc.assert(
      fc.asyncProperty(table, fc.integer({ min: 1, max: 64 }), async ({ end, mark, entries, lastEnd }, chunkBytes) => {
        const all = [{ cells: ['p', 'c', 'r'], text: 'p,c,r' }, ...entries];
        const expected: object[] = [];
        let line = 1;
        all.forEach(({ cells, text }, index) => {
          if (index > 0 && cells.length === 3) expected.push({ line, value: expect.any(Object) as object });
          else if (index > 0 && cells.length > 0)
            expected.push({ line, problem: `not CSV: expected 3 columns, got ${cells.length}` });
          line += text.split(end).length;
        });
        const text = mark + all.map((entry) => entry.text).join(end) + (lastEnd ? end : '');
        expect(await rowsOf(text, chunkBytes)).toEqual(expected);
      }),
      { numRuns: 500 },
    );
  });

  it('names the line after the last good record for a quote that is never closed', async () => {
    expect(await rowsOf('p,c,r\r\n"a\r\nb",c,d\r\nq2,"a,b\r\nq3,a,b\r\nq4,a,b\r\n')).toEqual([
      { line: 2, value: { p: 'a\r\nb', c: 'c', r: 'd' } },
      { line: 4, problem: 'not CSV: a quote that is opened here is never closed; all that follows it is lost' },
    ]);
  });
});
