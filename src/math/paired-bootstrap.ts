/**
 * Paired bootstrap (Efron, Annals of Statistics 7, 1979): is method A better than B on the same pairs or seeds?
 * Resamples the paired differences with replacement; percentile interval, and a two-sided p-value counted with one
 * added to numerator and denominator (Davison & Hinkley, Bootstrap Methods, 1997, eq. 4.11) so that it is never 0.
 */
import { MrpoError } from '../core/errors.js';
import { seededRandom } from '../core/random.js';
import type { Interval } from './statistics.js';

/** How far the left sample lies above the right one, in the samples' own unit. */
export interface BootstrapResult {
  /** Mean of left - right over the pairs. */
  readonly difference: number;
  /** Low and high end of the percentile interval for the difference. */
  readonly interval: Interval;
  /** Two-sided, for the hypothesis of no difference. */
  readonly pValue: number;
}

/** Size and repeatability of a bootstrap. */
export interface BootstrapOptions {
  /** Share of resampled differences inside the interval, 0 to 1. Default 0.95. */
  readonly confidence?: number;
  /** Number of resampled means. Default 10000. */
  readonly resamples?: number;
  /** Default 0. The same seed gives the same result. */
  readonly seed?: number;
}

/**
 * Compares two lists of values that belong together one by one.
 * @throws MrpoError `usage` for samples that are empty or of different lengths.
 */
export function pairedBootstrap(
  left: readonly number[],
  right: readonly number[],
  options: BootstrapOptions = {},
): BootstrapResult {
  if (left.length !== right.length || left.length === 0) {
    throw new MrpoError(
      'usage',
      `paired bootstrap: got ${left.length} and ${right.length} values, expected as many on both sides, at least 1`,
    );
  }
  const { confidence = 0.95, resamples = 10_000, seed = 0 } = options;
  const differences = Float64Array.from(left, (value, index) => value - right[index]!);
  const means = resampledMeans(differences, resamples, seed).sort();
  const notAbove = means.reduce((count, mean) => count + (mean <= 0 ? 1 : 0), 0);
  const notBelow = means.reduce((count, mean) => count + (mean >= 0 ? 1 : 0), 0);
  return {
    difference: differences.reduce((sum, value) => sum + value, 0) / differences.length,
    interval: [percentile(means, (1 - confidence) / 2), percentile(means, (1 + confidence) / 2)],
    pValue: Math.min(1, (2 * (Math.min(notAbove, notBelow) + 1)) / (resamples + 1)),
  };
}

function resampledMeans(differences: Float64Array, resamples: number, seed: number): Float64Array {
  const random = seededRandom(seed);
  const means = new Float64Array(resamples);
  for (let sample = 0; sample < resamples; sample++) {
    let sum = 0;
    for (let draw = 0; draw < differences.length; draw++) sum += differences[random.integer(differences.length)]!;
    means[sample] = sum / differences.length;
  }
  return means;
}

/** Linear interpolation between order statistics (type 7 of Hyndman & Fan, 1996). */
function percentile(sorted: Float64Array, share: number): number {
  const place = share * (sorted.length - 1);
  const below = Math.floor(place);
  const above = Math.min(below + 1, sorted.length - 1);
  return sorted[below]! + (place - below) * (sorted[above]! - sorted[below]!);
}
