/** Comparing methods over runs and pairs: means, effect sizes, proportions. */
import { MrpoError } from '../core/errors.js';
import { normalQuantile } from './normal-quantile.js';

/** Lower and upper end. */
export type Interval = readonly [number, number];

const DEFAULT_CONFIDENCE = 0.95;

/** Mean and sample standard deviation (n - 1 in the denominator; NaN for one value). Two passes, so no cancellation. */
export function meanAndSd(values: readonly number[]): { readonly mean: number; readonly sd: number } {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return { mean, sd: values.length < 2 ? NaN : Math.sqrt(squaredDeviations(values, mean) / (values.length - 1)) };
}

/**
 * Cohen's d of two independent samples: difference of means in units of the pooled standard deviation
 * (Cohen, Statistical Power Analysis, 1988). Samples without any spread: 0 where the means agree, else +-Infinity.
 * @throws MrpoError `usage` for an empty sample or fewer than 3 values in all.
 */
export function cohensD(left: readonly number[], right: readonly number[]): number {
  if (left.length < 1 || right.length < 1 || left.length + right.length < 3) {
    throw new MrpoError(
      'usage',
      `Cohen's d: got samples of ${left.length} and ${right.length} values, expected at least 3 in all, none empty`,
    );
  }
  const [first, second] = [meanAndSd(left).mean, meanAndSd(right).mean];
  const squares = squaredDeviations(left, first) + squaredDeviations(right, second);
  const difference = first - second;
  return difference === 0 ? 0 : difference / Math.sqrt(squares / (left.length + right.length - 2));
}

/**
 * Confidence interval of Cohen's d in the large-sample form of Hedges & Olkin (Statistical Methods for Meta-Analysis,
 * 1985, ch. 5): variance (n1 + n2) / (n1 n2) + d^2 / (2 (n1 + n2)). With 3 to 5 runs a method it is only a rough guide.
 */
export function cohensDInterval(
  d: number,
  leftSize: number,
  rightSize: number,
  confidence = DEFAULT_CONFIDENCE,
): Interval {
  const total = leftSize + rightSize;
  const half = quantileOf(confidence) * Math.sqrt(total / (leftSize * rightSize) + (d * d) / (2 * total));
  return [d - half, d + half];
}

/**
 * Wilson's score interval of a proportion (JASA 22, 1927): the shares p with |share - p| <= z sqrt(p (1 - p) / n).
 * Stays inside [0, 1], and is meaningful for 0 or all successes.
 */
export function wilsonInterval(successes: number, trials: number, confidence = DEFAULT_CONFIDENCE): Interval {
  if (!(trials > 0 && successes >= 0 && successes <= trials)) {
    throw new MrpoError(
      'usage',
      `Wilson interval: got ${successes} of ${trials}, expected 0 <= successes <= trials, trials > 0`,
    );
  }
  const z = quantileOf(confidence);
  const share = successes / trials;
  const middle = share + (z * z) / (2 * trials);
  const half = z * Math.sqrt((share * (1 - share)) / trials + (z * z) / (4 * trials * trials));
  const scale = 1 + (z * z) / trials;
  // The ends are exactly 0 and 1 there; rounding would leave them a hair off.
  return [successes === 0 ? 0 : (middle - half) / scale, successes === trials ? 1 : (middle + half) / scale];
}

/** z of a two-sided interval: 1.96 for 0.95. */
function quantileOf(confidence: number): number {
  if (!(confidence > 0 && confidence < 1)) {
    throw new MrpoError('usage', `confidence: got ${confidence}, expected a number between 0 and 1`);
  }
  return -normalQuantile((1 - confidence) / 2);
}

function squaredDeviations(values: readonly number[], mean: number): number {
  return values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
}
