import { describe, expect, it } from 'vitest';
import { cohensD, meanAndSd, normalQuantile, pairedBootstrap, wilsonInterval } from '../../src/math/index.js';

describe('mean and standard deviation', () => {
  it('divides squares by n - 1', () => {
    expect(meanAndSd([2, 4, 4, 4, 5, 5, 7, 9])).toEqual({ mean: 5, sd: Math.sqrt(32 / 7) });
  });

  it('keeps the spread of values far from 0', () => {
    expect(meanAndSd([1e9 + 4, 1e9 + 7, 1e9 + 13, 1e9 + 16]).sd).toBe(Math.sqrt(30));
  });

  it('has no spread to tell of one value, and one of two', () => {
    expect(meanAndSd([3])).toEqual({ mean: 3, sd: NaN });
    expect(meanAndSd([3, 5])).toEqual({ mean: 4, sd: Math.SQRT2 });
  });
});

describe("Cohen's d", () => {
  it('reproduces the effect sizes that Table 1 of arXiv 2405.16388 implies', () => {
    // Two samples with the printed means and standard deviations (MRPO 97.2 +- 1.7, DPO 93.9 +- 1.4; 5 runs each).
    const sample = (mean: number, sd: number): number[] => {
      const step = sd / meanAndSd([-2, -1, 0, 1, 2]).sd;
      return [-2, -1, 0, 1, 2].map((place) => mean + place * step);
    };
    expect(cohensD(sample(97.2, 1.7), sample(93.9, 1.4))).toBeCloseTo(2.12, 2);
    expect(cohensD(sample(99.5, 0.8), sample(98.7, 0.7))).toBeCloseTo(1.06, 2);
  });

  it('is 0 for equal samples and infinite for different ones without spread', () => {
    expect(cohensD([1, 1], [1, 1])).toBe(0);
    expect(cohensD([2, 2], [1, 1])).toBe(Infinity);
    expect(cohensD([1, 1], [2, 2])).toBe(-Infinity);
  });

  it.each([
    [[], [1, 2, 3]],
    [[1, 2, 3], []],
    [[1], [2]],
  ])('refuses samples %j and %j', (left, right) => {
    expect(() => cohensD(left, right)).toThrow(`got samples of ${left.length} and ${right.length} values`);
  });

  it('takes samples of 1 and 2 values', () => {
    expect(cohensD([3], [1, 2])).toBeCloseTo(1.5 / Math.sqrt(0.5), 12);
    expect(cohensD([1, 2], [3])).toBeCloseTo(-1.5 / Math.sqrt(0.5), 12);
  });
});

describe('Wilson interval', () => {
  it('never leaves [0, 1]', () => {
    expect(wilsonInterval(0, 5)[0]).toBe(0);
    expect(wilsonInterval(5, 5)[1]).toBe(1);
  });

  it('widens with the confidence asked for', () => {
    const [narrow, wide] = [wilsonInterval(6, 10, 0.8), wilsonInterval(6, 10, 0.99)];
    expect(wide[0]).toBeLessThan(narrow[0]);
    expect(wide[1]).toBeGreaterThan(narrow[1]);
  });

  it.each([
    [-1, 5],
    [6, 5],
    [0, 0],
    [NaN, 5],
  ])('refuses %d of %d', (successes, trials) => {
    expect(() => wilsonInterval(successes, trials)).toThrow(`got ${successes} of ${trials}`);
  });

  it.each([0, 1, NaN])('refuses the confidence %d', (confidence) => {
    expect(() => wilsonInterval(1, 2, confidence)).toThrow(`confidence: got ${confidence}`);
  });
});

it('the normal quantile is infinite at the ends', () => {
  expect(normalQuantile(0)).toBe(-Infinity);
  expect(normalQuantile(1)).toBe(Infinity);
});

describe('paired bootstrap', () => {
  const left = [0.62, 0.71, 0.66, 0.69, 0.75, 0.68, 0.7, 0.73];
  const right = left.map((value, index) => value - 0.02 - 0.005 * (index % 3));

  it('finds a difference that is in every pair', () => {
    const { difference, interval, pValue } = pairedBootstrap(left, right, { resamples: 2000 });
    expect(difference).toBeCloseTo(0.024375, 12);
    expect(interval[0]).toBeGreaterThan(0.02);
    expect(interval[1]).toBeLessThan(0.03);
    expect(interval[0]).toBeLessThan(difference);
    expect(interval[1]).toBeGreaterThan(difference);
    expect(pValue).toBe(2 / 2001);
  });

  it('mirrors when the sides are swapped', () => {
    const [forward, back] = [
      pairedBootstrap(left, right, { resamples: 500 }),
      pairedBootstrap(right, left, { resamples: 500 }),
    ];
    expect(back.difference).toBeCloseTo(-forward.difference, 15);
    expect(back.interval[0]).toBeCloseTo(-forward.interval[1], 12);
    expect(back.pValue).toBe(forward.pValue);
  });

  it('finds nothing where there is nothing', () => {
    const even = pairedBootstrap([1, 2, 1, 2, 1, 2], [2, 1, 2, 1, 2, 1], { resamples: 2000 });
    expect(even.difference).toBe(0);
    expect(even.pValue).toBeGreaterThan(0.5);
    expect(pairedBootstrap([1, 2], [1, 2], { resamples: 10 })).toEqual({ difference: 0, interval: [0, 0], pValue: 1 });
  });

  it('covers the normal interval of a mean', () => {
    const values = Array.from({ length: 400 }, (_, index) => Math.sin(index * 12.9898) * 3 + 0.1);
    const zeros = values.map(() => 0);
    const { mean, sd } = meanAndSd(values);
    const [lower, upper] = pairedBootstrap(values, zeros, { confidence: 0.9, resamples: 4000 }).interval;
    const half = (1.6449 * sd) / 20;
    expect(Math.abs(lower - (mean - half))).toBeLessThan(0.1 * half);
    expect(Math.abs(upper - (mean + half))).toBeLessThan(0.1 * half);
  });

  it('interpolates between order statistics: at 1/3 between two means a third of the way up', () => {
    // Two resamples and the confidence 1/3: the ends are 1/3 and 2/3 of the way from the smaller to the larger mean.
    const [lower, upper] = pairedBootstrap(left, right, { resamples: 2, confidence: 1 / 3, seed: 5 }).interval;
    const [smaller, larger] = pairedBootstrap(left, right, { resamples: 2, confidence: 1 - 1e-15, seed: 5 }).interval;
    expect(larger).toBeGreaterThan(smaller);
    expect(lower).toBeCloseTo(smaller + (larger - smaller) / 3, 12);
    expect(upper).toBeCloseTo(smaller + (2 * (larger - smaller)) / 3, 12);
  });

  it('of one resample has its mean as both ends', () => {
    const { interval } = pairedBootstrap(left, right, { resamples: 1 });
    expect(interval[0]).toBe(interval[1]);
    expect(Number.isFinite(interval[0])).toBe(true);
  });

  it('is the same for the same seed, and another for another', () => {
    const run = (seed: number) => pairedBootstrap(left, right, { resamples: 200, seed });
    expect(run(3)).toEqual(run(3));
    expect(run(3).interval).not.toEqual(run(4).interval);
  });

  it.each([
    [[], []],
    [[1, 2], [1]],
  ])('refuses %j beside %j', (one, other) => {
    expect(() => pairedBootstrap(one, other)).toThrow(`got ${one.length} and ${other.length} values`);
  });
});
