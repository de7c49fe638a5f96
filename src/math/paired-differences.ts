/**
 * Is method A better than method B, when both were run with the same seeds and judged on the same held-out pairs?
 *
 * Resampling does not answer this for 3 or 5 seeds: a bootstrap over so few knows nothing of what a sixth would do, and
 * its interval is too narrow. So the differences d[seed][pair] are taken apart as a table with two random factors
 * (Scheffe, The Analysis of Variance, 1959, ch. 7). The variance of their mean is
 * (MS_seed + (MS_pair - MS_rest)) / (seeds * pairs): two parts, each estimated with its own degrees of freedom. For such
 * a sum two half widths are in use, and both are exact where one part dominates. Cochran's (Biometrics 20, 1964)
 * multiplies each part by the square of its own t-quantile: its 95 % interval covers 94.9 to 97.7 %. Satterthwaite's
 * (Biometrics 2, 1946) takes one t-quantile for the sum: 92.3 to 95.3 %. Their mean covers 94.2 to 96.6 %, and is taken
 * (test/vectors/paired_coverage.py: 3 and 5 seeds, 40 to 500 pairs, 108 mixtures of the parts).
 */
import { MrpoError } from '../core/errors.js';
import type { Interval } from './statistics.js';
import { studentQuantile } from './t-distributions.js';

/** How far method A lies above B over all seeds and pairs, in the unit of the differences. */
export interface PairedDifference {
  /** Mean of A - B. */
  readonly difference: number;
  /** Standard error of `difference`; NaN for a single seed with a single pair. */
  readonly standardError: number;
  /** Low and high end of the confidence interval for `difference`. */
  readonly interval: Interval;
  /** Two-sided, for the hypothesis of no difference; 1 where every difference is 0. */
  readonly pValue: number;
  /** `seeds and pairs`: holds for other seeds and pairs. `pairs`: one seed only, so it holds for that seed alone. */
  readonly over: 'seeds and pairs' | 'seeds' | 'pairs';
}

/**
 * The mean difference over seeds and pairs, with its uncertainty.
 * @param differences One row a seed: A - B per pair, in the order of the pairs. Rows of different lengths are different
 * sets of pairs; then the seeds' means are the sample.
 * @param samePairs Whether column i is the same pair for every seed. Default: whether all rows are equally long.
 * @throws MrpoError `usage` for no row, an empty row, or rows of different lengths said to be the same pairs.
 */
export function pairedDifference(
  differences: readonly (readonly number[])[],
  options: { readonly samePairs?: boolean; readonly confidence?: number } = {},
): PairedDifference {
  const lengths = new Set(differences.map((row) => row.length));
  const samePairs = options.samePairs ?? lengths.size === 1;
  if (differences.length === 0 || lengths.has(0) || (samePairs && lengths.size > 1)) {
    throw new MrpoError(
      'usage',
      `paired differences: got rows of ${[...lengths].join(', ') || 'no'} pairs, expected at least one seed, no empty row` +
        (samePairs ? ', equally long rows' : ''),
    );
  }
  const { confidence = 0.95 } = options;
  if (differences.length === 1) return ofOneSample(differences[0]!, 'pairs', confidence);
  if (!samePairs || differences[0]!.length === 1) return ofOneSample(differences.map(mean), 'seeds', confidence);
  return ofTable(differences, confidence);
}

/** A part of the variance of the mean, and the degrees of freedom it is estimated with. */
interface VariancePart {
  readonly variance: number;
  readonly df: number;
}

function ofOneSample(values: readonly number[], over: PairedDifference['over'], confidence: number): PairedDifference {
  const middle = mean(values);
  const df = values.length - 1;
  if (df === 0) {
    return { difference: middle, standardError: NaN, interval: [-Infinity, Infinity], pValue: 1, over };
  }
  const square = sumOf(values, (value) => (value - middle) ** 2) / df;
  return conclude(middle, [{ variance: square / values.length, df }], over, confidence);
}

function ofTable(rows: readonly (readonly number[])[], confidence: number): PairedDifference {
  const [seeds, pairs] = [rows.length, rows[0]!.length];
  const seedMeans = rows.map(mean);
  const grand = mean(seedMeans);
  const pairMeans = Array.from({ length: pairs }, (_, i) => mean(rows.map((row) => row[i]!)));
  const bySeed = pairs * sumOf(seedMeans, (value) => (value - grand) ** 2);
  const byPair = seeds * sumOf(pairMeans, (value) => (value - grand) ** 2);
  const rest = sumOf(rows, (row, s) => sumOf(row, (value, i) => (value - seedMeans[s]! - pairMeans[i]! + grand) ** 2));
  const [seedSquare, pairSquare] = [bySeed / (seeds - 1), byPair / (pairs - 1)];
  const restSquare = rest / ((seeds - 1) * (pairs - 1));
  const parts = [
    { variance: seedSquare / (seeds * pairs), df: seeds - 1 },
    { variance: Math.max(0, pairSquare - restSquare) / (seeds * pairs), df: pairs - 1 },
  ];
  return conclude(grand, parts, 'seeds and pairs', confidence);
}

function conclude(
  difference: number,
  parts: readonly VariancePart[],
  over: PairedDifference['over'],
  confidence: number,
): PairedDifference {
  const variance = sumOf(parts, (part) => part.variance);
  const commonDf = variance ** 2 / sumOf(parts, (part) => part.variance ** 2 / part.df);
  /** Half the width of the interval whose two tails hold `outside`. */
  const halfWidth = (outside: number): number => {
    if (variance === 0) return 0;
    const quantile = (df: number): number => studentQuantile(1 - outside / 2, df);
    const cochran = Math.sqrt(sumOf(parts, (part) => part.variance * quantile(part.df) ** 2));
    const satterthwaite = Math.sqrt(variance) * quantile(commonDf);
    return (cochran + satterthwaite) / 2;
  };
  const half = halfWidth(1 - confidence);
  return {
    difference,
    standardError: Math.sqrt(variance),
    interval: [difference - half, difference + half],
    pValue: pValueOf(Math.abs(difference), halfWidth),
    over,
  };
}

/** Halvings in search of the p-value, to about 1e-12. */
const BISECTIONS = 40;

/** The share outside the interval that just reaches 0; half widths grow as less is left outside. */
function pValueOf(distance: number, halfWidth: (outside: number) => number): number {
  if (distance === 0) return 1;
  let [low, high] = [0, 1];
  for (let i = 0; i < BISECTIONS; i++) {
    const middle = (low + high) / 2;
    if (halfWidth(middle) > distance) low = middle;
    else high = middle;
  }
  return high;
}

const sumOf = <T>(values: readonly T[], of: (value: T, index: number) => number): number =>
  values.reduce((sum, value, index) => sum + of(value, index), 0);

const mean = (values: readonly number[]): number => sumOf(values, (value) => value) / values.length;
