/** Moments of many seeded draws against those of the distributions, within five standard errors. */
import { expect, it } from 'vitest';
import { seededRandom } from '../../src/core/random.js';
import { meanAndSd, sampleBeta, sampleGamma, sampleNormal } from '../../src/math/index.js';

const DRAWS = 20_000;

function draws(draw: (random: ReturnType<typeof seededRandom>) => number): number[] {
  const random = seededRandom(42);
  return Array.from({ length: DRAWS }, () => draw(random));
}

/** Mean and variance of the draws lie where theory puts them. */
function expectMoments(values: readonly number[], mean: number, variance: number): void {
  const found = meanAndSd(values);
  expect(Math.abs(found.mean - mean)).toBeLessThan(5 * Math.sqrt(variance / DRAWS));
  expect(Math.abs(found.sd ** 2 / variance - 1)).toBeLessThan(0.1);
}

it('draws from the standard normal distribution', () => {
  const values = draws(sampleNormal);
  expectMoments(values, 0, 1);
  const beyond = values.filter((value) => Math.abs(value) > 1.959964).length / DRAWS;
  expect(Math.abs(beyond - 0.05)).toBeLessThan(0.008);
});

it.each([0.3, 1, 2.5, 20])('draws from Gamma(%d, 1)', (shape) => {
  const values = draws((random) => sampleGamma(random, shape));
  expectMoments(values, shape, shape);
  expect(Math.min(...values)).toBeGreaterThan(0);
  const skewness = values.reduce((sum, value) => sum + (value - shape) ** 3, 0) / DRAWS / shape ** 1.5;
  expect(Math.abs(skewness - 2 / Math.sqrt(shape))).toBeLessThan(0.25 + 0.3 / shape);
});

it.each([
  [5, 5],
  [10, 10],
  [2, 7],
  [0.5, 0.5],
])('draws from Beta(%d, %d)', (a, b) => {
  const values = draws((random) => sampleBeta(random, a, b));
  expectMoments(values, a / (a + b), (a * b) / ((a + b) ** 2 * (a + b + 1)));
  expect(Math.min(...values)).toBeGreaterThanOrEqual(0);
  expect(Math.max(...values)).toBeLessThanOrEqual(1);
});
