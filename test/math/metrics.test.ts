import { describe, expect, it } from 'vitest';
import {
  disagreementShare,
  dominanceShares,
  mean,
  referenceFreeAccuracy,
  rewardAccuracy,
  shareAbove,
} from '../../src/math/index.js';

const column = (...values: readonly number[]): Float64Array => Float64Array.from(values);

describe('accuracies', () => {
  it('counts a tie as wrong', () => {
    expect(shareAbove(column(1, 2, 3, 5), column(1, 1, 4, 4))).toBe(0.5);
  });

  it('compares log-probs per token without a reference', () => {
    expect(referenceFreeAccuracy(column(-10, -10, -6), column(-8, -8, -3), column(10, 5, 2), column(4, 4, 1))).toBe(
      1 / 3,
    );
  });

  it('compares rewards against a reference', () => {
    expect(
      rewardAccuracy(column(-5, -5, -5, -5), column(-6, -6, -6, -6), column(-5, -7, -4, -3), column(-6, -6, -6, -3)),
    ).toBe(0.5);
  });

  it('averages', () => {
    expect(mean(column(1, 2, 6))).toBe(3);
    expect(mean(column())).toBeNaN();
  });
});

describe('references', () => {
  it('names who is least likely, over both responses', () => {
    const chosen = [column(-5, -9), column(-6, -8)];
    const rejected = [column(-7, -9), column(-7, -1)];
    expect(dominanceShares([chosen, rejected], [column(0.5, 0.5), column(0.5, 0.5)])).toEqual([0.75, 0.25]);
  });

  it('passes over references without weight', () => {
    expect(dominanceShares([[column(-5), column(-60), column(-6)]], [column(0.5), column(0), column(0.5)])).toEqual([
      0, 0, 1,
    ]);
  });

  it('disagree where one prefers the chosen and another the rejected response', () => {
    const chosen = [column(-1, -1, -1, -2), column(-2, -5, -3, -2), column(-3, -3, -3, -2)];
    const rejected = [column(-2, -2, -1, -2), column(-3, -4, -3, -2), column(-4, -3, -2, -2)];
    expect(disagreementShare(chosen, rejected)).toBe(0.25);
    expect(disagreementShare(chosen.slice(0, 1), rejected.slice(0, 1))).toBe(0);
    expect(disagreementShare([column(-1), column(-1)], [column(-2), column(-1)])).toBe(0);
  });
});
