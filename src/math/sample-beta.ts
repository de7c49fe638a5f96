/**
 * Random draws from Beta(a, b), as G_a / (G_a + G_b) with gamma variates by Marsaglia & Tsang, "A simple method for
 * generating gamma variables" (ACM TOMS 26(3), 2000), and normal variates by Marsaglia's polar method.
 */
import type { Random } from '../core/random.js';

/** One draw in (0, 1). @param a, b Positive. */
export function sampleBeta(random: Random, a: number, b: number): number {
  const left = sampleGamma(random, a);
  const right = sampleGamma(random, b);
  return left / (left + right);
}

/** One draw from Gamma(shape, 1). A shape below 1 is raised by 1 and scaled back by U^(1/shape). */
export function sampleGamma(random: Random, shape: number): number {
  if (shape < 1) return sampleGamma(random, shape + 1) * (1 - random.next()) ** (1 / shape);
  const d = shape - 1 / 3;
  const c = 1 / Math.sqrt(9 * d);
  for (;;) {
    const x = sampleNormal(random);
    const v = (1 + c * x) ** 3;
    if (v > 0 && Math.log(1 - random.next()) < 0.5 * x * x + d - d * v + d * Math.log(v)) return d * v;
  }
}

/** One draw from the standard normal distribution. */
export function sampleNormal(random: Random): number {
  for (;;) {
    const x = 2 * random.next() - 1;
    const y = 2 * random.next() - 1;
    const square = x * x + y * y;
    if (square > 0 && square < 1) return x * Math.sqrt((-2 * Math.log(square)) / square);
  }
}
