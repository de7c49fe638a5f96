/**
 * How far two methods lie apart in units of the spread between runs. With 3 or 5 runs a method these numbers are rough,
 * so each comes with what it is worth: an interval, and how often equal methods would pass a threshold.
 */
import { cohensD, type Interval } from './statistics.js';
import { noncentralityAt, studentCdf } from './t-distributions.js';
import jStat from 'jstat';

/** Effect of one method over another, in pooled standard deviations; positive if the first has the larger mean. */
export interface EffectSize {
  /** Cohen's d: difference of means over the pooled standard deviation. */
  readonly d: number;
  /** Hedges' g: d times its exact small-sample correction (Hedges, J. Educational Statistics 6, 1981). */
  readonly g: number;
  /** Interval for the effect in the population, from the noncentral t; NaN where there is no spread. */
  readonly interval: Interval;
}

/**
 * Effect of `left` over `right`, two independent samples.
 * @param confidence Default 0.95.
 * @throws MrpoError `usage` for an empty sample or fewer than 3 values in all.
 */
export function effectSize(left: readonly number[], right: readonly number[], confidence = 0.95): EffectSize {
  const d = cohensD(left, right);
  const df = left.length + right.length - 2;
  if (!Number.isFinite(d)) return { d, g: d, interval: [NaN, NaN] };
  // t = d / scale, and so is the noncentrality the population's effect / scale.
  const scale = Math.sqrt(1 / left.length + 1 / right.length);
  const tail = (1 - confidence) / 2;
  return {
    d,
    g: d * smallSampleCorrection(df),
    interval: [scale * noncentralityAt(d / scale, df, 1 - tail), scale * noncentralityAt(d / scale, df, tail)],
  };
}

/** Gamma(df / 2) / (sqrt(df / 2) Gamma((df - 1) / 2)): d overstates the population's effect by its inverse. */
export function smallSampleCorrection(df: number): number {
  // Two values in all have no correction: the mean of d does not exist there.
  return df < 2 ? NaN : Math.exp(jStat.gammaln(df / 2) - jStat.gammaln((df - 1) / 2)) / Math.sqrt(df / 2);
}

/** How often `d > threshold` for two equal methods with `runs` normal results each: the rule's false-alarm rate. */
export function falseAlarmRate(threshold: number, runs: number): number {
  return 1 - studentCdf(threshold * Math.sqrt(runs / 2), 2 * runs - 2);
}
