/**
 * Student's t, central and noncentral: what comparing a handful of runs needs. jStat has the central one; its series
 * for the noncentral one breaks down beyond a noncentrality of about 30, which two methods with little spread reach,
 * so that one is integrated here. Both are checked against SciPy (test/vectors/statistics.json).
 */
import jStat from 'jstat';
import { MrpoError } from '../core/errors.js';

/** P(T <= t) for Student's t with `df` degrees of freedom. */
export function studentCdf(t: number, df: number): number {
  return jStat.studentt.cdf(t, df);
}

/** The t with P(T <= t) = p. */
export function studentQuantile(p: number, df: number): number {
  return jStat.studentt.inv(p, df);
}

/** Standard deviations of the chi distribution that are integrated over. */
const REACH = 12;
/** Points of the rule: enough for the density, and some for each unit in which Phi(t S - delta) turns from 0 to 1. */
const POINTS = 1000;
const POINTS_PER_UNIT = 8;

/**
 * P(T <= t) for the noncentral t with `df` degrees of freedom and noncentrality `delta`. T = (Z + delta) / S with a
 * standard normal Z and S = chi_df / sqrt(df), so P(T <= t) = E[Phi(t S - delta)]: an integral of a smooth function
 * that vanishes at both ends, for which the trapezoidal rule converges faster than any power of the step.
 */
export function noncentralCdf(t: number, df: number, delta: number): number {
  // log density of S, from that of chi_df
  const constant = Math.log(2) + (df / 2) * Math.log(df / 2) - jStat.gammaln(df / 2);
  const density = (s: number): number => Math.exp(constant + (df - 1) * Math.log(s) - (df * s * s) / 2);
  const spread = REACH / Math.sqrt(2 * df);
  // s = e^u: one rule for few degrees of freedom, where the density has its weight near 0, and for many.
  const [from, to] = [Math.log(Math.max(1e-12, 1 - spread)) - (spread >= 1 ? 8 : 0), Math.log(1 + spread)];
  const points = POINTS + Math.ceil(POINTS_PER_UNIT * Math.abs(t) * Math.exp(to));
  const step = (to - from) / points;
  let sum = 0;
  let mass = 0;
  for (let i = 0; i <= points; i++) {
    const s = Math.exp(from + i * step);
    const weight = density(s) * s;
    mass += weight;
    sum += weight * jStat.normal.cdf(t * s - delta, 0, 1);
  }
  return sum / mass;
}

/** Halvings of the bracket: from its width of a few dozens down to rounding. */
const BISECTIONS = 60;

/**
 * The noncentrality under which `P(T <= t) = p`: the ends of an interval for an effect (Steiger & Fouladi, 1997).
 * P falls as the noncentrality grows, so bisection finds it.
 * @throws MrpoError `usage` for a p outside (0, 1) or a t that is not finite.
 */
export function noncentralityAt(t: number, df: number, p: number): number {
  if (!(p > 0 && p < 1 && Number.isFinite(t) && df > 0)) {
    throw new MrpoError('usage', `noncentral t: got t ${t}, df ${df}, p ${p}; expected finite t, df > 0, 0 < p < 1`);
  }
  let reach = 8 + Math.abs(t);
  while (noncentralCdf(t, df, t - reach) < p || noncentralCdf(t, df, t + reach) > p) reach *= 2;
  let [low, high] = [t - reach, t + reach];
  for (let i = 0; i < BISECTIONS; i++) {
    const middle = (low + high) / 2;
    if (noncentralCdf(t, df, middle) > p) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}
