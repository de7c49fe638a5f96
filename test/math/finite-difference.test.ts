/** How far a gradient may be from a numerical one: a share of the larger of the two, plus the rounding of the loss. */
import { describe, expect, it } from 'vitest';
import { centralDifference, differs } from '../../src/math/finite-difference.js';

describe('central differences', () => {
  it('are exact for polynomials of degree 4, and close for others', () => {
    expect(centralDifference((x) => x ** 4 - 3 * x, 2)).toBeCloseTo(29, 9);
    expect(Math.abs(centralDifference(Math.exp, 1) / Math.E - 1)).toBeLessThan(1e-12);
  });
});

describe('a gradient differs', () => {
  it('when it is off by more than its share of the larger of both', () => {
    expect(differs(1, 1.0009, 0, 1e-3)).toBe(false);
    expect(differs(1, 1.0011, 0, 1e-3)).toBe(true);
    // A tenth of 100, not of 91.
    expect(differs(91, 100, 0, 0.0905)).toBe(false);
    expect(differs(100, 91, 0, 0.0905)).toBe(false);
    expect(differs(-1, 1, 0, 0.5)).toBe(true);
  });

  it('when rounding of a loss of that size cannot explain it', () => {
    expect(differs(0, 5e-10, 0)).toBe(false);
    expect(differs(0, 2e-9, 0)).toBe(true);
    expect(differs(0, 5e-6, 1e4)).toBe(false);
    expect(differs(0, 5e-6, -1e4)).toBe(false);
    expect(differs(0, 2e-5, 1e4)).toBe(true);
  });

  it('when either is no number', () => {
    expect(differs(NaN, 1, 0)).toBe(true);
    expect(differs(1, NaN, 0)).toBe(true);
  });
});
