import fc from 'fast-check';
import { expect, it } from 'vitest';
import { fromExactJson, toExactJson } from '../../src/core/exact-json.js';

it('gives every double back, and columns of them', () => {
  const number = fc.double();
  const value = fc.dictionary(fc.string(), fc.oneof(number, fc.array(number), fc.float64Array(), fc.string()));
  fc.assert(
    fc.property(value, (given) => {
      const plain = Object.fromEntries(Object.entries(given).filter(([key]) => key !== '__proto__'));
      expect(fromExactJson(toExactJson({ plain, more: 1 }))).toEqual({ plain, more: 1 });
    }),
  );
  expect(Object.is(fromExactJson(toExactJson(-0)), -0)).toBe(true);
});
