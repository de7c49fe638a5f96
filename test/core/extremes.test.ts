import { expect, it } from 'vitest';
import { largest, smallest } from '../../src/core/extremes.js';

it('are those of Math.max and Math.min, NaN and nothing included', () => {
  for (const list of [[], [3], [1, -2, 5], [1, NaN, 2], [-Infinity, Infinity]]) {
    expect(largest(list)).toBe(Math.max(...list));
    expect(smallest(list)).toBe(Math.min(...list));
  }
  expect([largest([], 1), largest([-3], 1), smallest([4], 1)]).toEqual([1, 1, 1]);
});

it('are found in a list longer than the call stack', () => {
  const long = Array.from({ length: 400_000 }, (_, i) => i);
  expect([largest(long), smallest(long)]).toEqual([399_999, 0]);
});
