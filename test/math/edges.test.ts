/** Ends of the number range and kinks that golden vectors cannot hold: signs of zero, subnormals, the exact edge. */
import { describe, expect, it } from 'vitest';
import {
  adaptiveEpsilonColumns,
  arwcWeights,
  boundedExp,
  boundedExpSlope,
  clipColumns,
  dominanceShares,
  EXPONENT_LIMIT,
  forwardKlMargins,
  gapStatistics,
  hingeLink,
  normalizeRows,
  notClipped,
  perLength,
  poolColumns,
  sigmoid,
  sigmoidLink,
  softplus,
  updateGapStatistics,
} from '../../src/math/index.js';

const columns = (...values: readonly number[]): Float64Array[] => values.map((value) => Float64Array.of(value));

describe('logistic loss', () => {
  it.each([1e4, -1e4, 1e300, -1e300])('is finite at the margin %d', (margin) => {
    const { losses, slopes } = sigmoidLink(Float64Array.of(margin));
    expect(losses[0]).toBe(Math.max(0, -margin));
    expect(Math.abs(slopes[0]!)).toBe(margin < 0 ? 1 : 0);
  });

  it('keeps the relative precision of vanishing values', () => {
    expect(sigmoid(-740)).toBe(Math.exp(-740));
    expect(softplus(-740)).toBe(Math.exp(-740));
    expect(sigmoidLink(Float64Array.of(740)).slopes[0]).toBe(-Math.exp(-740));
  });

  it('agrees with its scalar parts', () => {
    const margins = Float64Array.of(-3, -0.2, 0, 0.2, 3, 40);
    const { losses, slopes } = sigmoidLink(margins);
    margins.forEach((margin, row) => {
      expect(losses[row]).toBe(softplus(-margin));
      expect(slopes[row]).toBe(-sigmoid(-margin));
    });
  });
});

it('the hinge is flat from its kink on', () => {
  expect([hingeLink.slope(1 - 1e-15), hingeLink.slope(1), hingeLink.loss(1), hingeLink.loss(5)]).toEqual([-1, 0, 0, 0]);
});

describe('pooling', () => {
  it.each([-1, 0, 1, 0.3, -1e-9, 400, -Infinity, Infinity])(
    'of one reference, or of equal ones, is that reference at power %d',
    (power) => {
      for (const logp of [-1e5, -123.456, -1e-12, 0]) {
        expect(poolColumns(columns(logp), columns(1), power)[0]).toBe(logp);
        expect(poolColumns(columns(logp, logp, logp), columns(0.25, 0.25, 0.5), power)[0]).toBe(logp);
      }
    },
  );

  it.each([-1, 0, 1, 2.5, -Infinity, Infinity])('drops references without weight at power %d', (power) => {
    expect(poolColumns(columns(-1e5, -3, 0), columns(0, 1, 0), power)[0]).toBe(-3);
  });

  it.each([-1, 1, -30, 30, 1e-7])('stays finite for 64 references from 0 to -1e5 at power %d', (power) => {
    const logps = Array.from({ length: 64 }, (_, k) => columns(-(1e5 * k) / 63)[0]!);
    const weights = logps.map(() => Float64Array.of(1 / 64));
    const [pooled] = poolColumns(logps, weights, power);
    expect(pooled).toBeGreaterThanOrEqual(-1e5);
    expect(pooled).toBeLessThanOrEqual(0);
  });

  it.each([1e308, 1e291, -1e308, -1e291])('at the power %d is its limit, and nothing overflows', (power) => {
    const limit = power > 0 ? -2 : -1e5;
    expect(poolColumns(columns(-1e5, -2, -3), columns(0.25, 0.5, 0.25), power)[0]).toBe(limit);
  });

  it.each([5e-324, -5e-324, 1e-310, -1e-31])(
    'at the power %d is the geometric mean, and nothing underflows',
    (power) => {
      expect(poolColumns(columns(-100, -3), columns(0.25, 0.75), power)[0]).toBe(-27.25);
    },
  );

  it('handles every row of the columns by itself', () => {
    const logps = [Float64Array.of(-1, -900, -5), Float64Array.of(-2, -1, -5)];
    const weights = [Float64Array.of(0.5, 0.25, 0), Float64Array.of(0.5, 0.75, 1)];
    for (const power of [-1, 0, 1, -Infinity, Infinity]) {
      const together = poolColumns(logps, weights, power);
      const apart = [0, 1, 2].map(
        (row) =>
          poolColumns(
            columns(logps[0]![row]!, logps[1]![row]!),
            columns(weights[0]![row]!, weights[1]![row]!),
            power,
          )[0],
      );
      expect([...together]).toEqual(apart);
    }
  });

  it('of no reference is an empty column', () => {
    expect([-1, 0, 1, Infinity].map((power) => poolColumns([], [], power).length)).toEqual([0, 0, 0, 0]);
  });
});

describe('trust region', () => {
  const before = [Float64Array.of(-10, -10, -10), Float64Array.of(-10.5, -30, -2), Float64Array.of(-11, -9, -9.5)];

  it('counts exactly the log-probs it moved', () => {
    const after = clipColumns(before, Float64Array.of(0.1, 0.1, 0.1));
    expect(after.logps.map((column) => [...column])).toEqual([
      [-10, -10, -10],
      [-10.5, -11, -9],
      [-11, -9, -9.5],
    ]);
    expect(after.isClipped.map((flags) => [...flags])).toEqual([
      [0, 0, 0],
      [0, 1, 1],
      [0, 0, 0],
    ]);
  });

  it('leaves everything as it is when it is off', () => {
    expect(notClipped(before).logps).toBe(before);
    expect(notClipped(before).isClipped.map((flags) => [...flags])).toEqual([
      [0, 0, 0],
      [0, 0, 0],
      [0, 0, 0],
    ]);
  });
});

it('rows without any difference weigh all references alike, beside rows that have one', () => {
  const weights = arwcWeights(
    [Float64Array.of(-5, -5), Float64Array.of(-6, -6)],
    [Float64Array.of(-5, -8), Float64Array.of(-6, -7)],
  );
  expect(weights.map((column) => [...column])).toEqual([
    [0.5, 0.75],
    [0.5, 0.25],
  ]);
  expect(normalizeRows([])).toEqual([]);
});

it('without references there are no epsilons, no clipped columns and no shares', () => {
  expect(adaptiveEpsilonColumns([], [], 0.1)).toEqual({ chosen: new Float64Array(0), rejected: new Float64Array(0) });
  expect(clipColumns([], new Float64Array(0))).toEqual({ logps: [], isClipped: [] });
  expect(dominanceShares([[], []], [])).toEqual([]);
});

describe('forward KL', () => {
  it('goes on as a straight line above the exponent limit, without a step', () => {
    const edge = Math.exp(EXPONENT_LIMIT);
    expect(boundedExp(EXPONENT_LIMIT)).toBe(edge);
    expect(boundedExp(EXPONENT_LIMIT + 2)).toBe(3 * edge);
    expect(boundedExpSlope(EXPONENT_LIMIT + 2)).toBe(edge);
    expect(boundedExpSlope(1)).toBe(Math.E);
  });

  it('stays finite when the policy has forgotten both responses', () => {
    const result = forwardKlMargins(
      { chosen: Float64Array.of(-1e5), rejected: Float64Array.of(-9e4) },
      { chosen: Float64Array.of(-10), rejected: Float64Array.of(-20) },
      0.1,
    );
    expect(Number.isFinite(result.margins[0])).toBe(true);
    expect(Number.isFinite((result.perChosen as Float64Array)[0])).toBe(true);
  });
});

it('log-probs per length are divided, and sums are left alone', () => {
  const logps = Float64Array.of(-10, -9);
  expect([...perLength(logps, Float64Array.of(4, 3))]).toEqual([-2.5, -3]);
  expect(perLength(logps, undefined)).toBe(logps);
});

it('running gap statistics start at the first batch and then move by a tenth', () => {
  const first = gapStatistics(Float64Array.of(1, 3));
  expect(first).toEqual({ mean: 2, sd: 1 });
  expect(updateGapStatistics(undefined, first)).toEqual(first);
  const second = updateGapStatistics(first, { mean: 12, sd: 2 });
  expect(second.mean).toBeCloseTo(3, 12);
  expect(second.sd).toBeCloseTo(1.1, 12);
});
