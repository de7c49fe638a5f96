/** Counting without keeping: what makes a file of any size fit into memory. */
import { describe, expect, it } from 'vitest';
import { createDropCounter, dropReasons, KEPT_DROPS } from '../../src/data/drop-counter.js';
import { createMarkSet } from '../../src/data/mark-set.js';

describe('dropped rows', () => {
  it('are all counted by reason, and the first of them kept', () => {
    const counter = createDropCounter();
    for (let line = 1; line <= KEPT_DROPS + 500; line++) {
      counter.add({
        line,
        reason: line % 3 === 0 ? 'chosen: missing' : `column "c${line}": expected text, got ${line}`,
      });
    }
    expect(counter.count()).toBe(KEPT_DROPS + 500);
    expect(counter.first()).toHaveLength(KEPT_DROPS);
    expect(counter.first().at(-1)?.line).toBe(KEPT_DROPS);
    expect(counter.reasons()).toEqual([
      { reason: 'column "c1": expected text, got 1', count: 7000, firstLine: 1 },
      { reason: 'chosen: missing', count: 3500, firstLine: 3 },
    ]);
  });

  it('of a short list are the same', () => {
    expect(
      dropReasons([
        { line: 4, reason: 'a' },
        { line: 9, reason: 'a' },
      ]),
    ).toEqual([{ reason: 'a', count: 2, firstLine: 4 }]);
  });
});

describe('a set of marks', () => {
  it('knows what was added, across its parts', () => {
    const marks = createMarkSet();
    const some = Array.from({ length: 1000 }, (_, i) => (i * 2_654_435_761) % 2 ** 52);
    expect(some.every((mark) => marks.add(mark))).toBe(true);
    expect(some.some((mark) => marks.add(mark))).toBe(false);
    expect(marks.size()).toBe(1000);
    expect(marks.has(some[7] ?? -1)).toBe(true);
    expect(marks.has(5)).toBe(false);
  });
});
