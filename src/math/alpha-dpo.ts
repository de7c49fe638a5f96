/**
 * AlphaDPO (arXiv 2410.10148): SimPO with a target margin that follows how far the policy has moved from its reference.
 *
 *   m = beta (lp(w) - lp(l) - gamma - a z),   z = (d - mu) / s,   d = (lp(w) - lp(l)) - (lr(w) - lr(l))
 *
 * z is a constant of the gradient. mu and s are running mean and standard deviation of d over past batches
 * (exponential, decay 0.9); before the first batch has been seen, those of the batch itself.
 */
import type { Sides } from '../core/sides.js';
import type { MarginColumns } from './margin.js';

/** Running statistics of the gap d, in the unit of the log-probs. */
export interface GapStatistics {
  readonly mean: number;
  readonly sd: number;
}

/** Share of the past in each update of the running statistics; as published. */
export const GAP_DECAY = 0.9;

/** d of every row: log-ratio of the policy minus that of the reference. */
export function policyReferenceGaps(policy: Sides<Float64Array>, reference: Sides<Float64Array>): Float64Array {
  const gaps = new Float64Array(policy.chosen.length);
  for (let row = 0; row < gaps.length; row++) {
    gaps[row] = policy.chosen[row]! - reference.chosen[row]! - (policy.rejected[row]! - reference.rejected[row]!);
  }
  return gaps;
}

/** Mean and population standard deviation of one batch of gaps. */
export function gapStatistics(gaps: Float64Array): GapStatistics {
  let sum = 0;
  for (const gap of gaps) sum += gap;
  const mean = sum / gaps.length;
  let squares = 0;
  for (const gap of gaps) squares += (gap - mean) ** 2;
  return { mean, sd: Math.sqrt(squares / gaps.length) };
}

/** Exponential average of the statistics seen so far and those of a new batch. */
export function updateGapStatistics(past: GapStatistics | undefined, batch: GapStatistics): GapStatistics {
  if (past === undefined) return batch;
  return {
    mean: GAP_DECAY * past.mean + (1 - GAP_DECAY) * batch.mean,
    sd: GAP_DECAY * past.sd + (1 - GAP_DECAY) * batch.sd,
  };
}

/** AlphaDPO margins. Gaps without spread (sd 0, e.g. a batch of one pair) are all average: z = 0. */
export function alphaDpoMargins(
  policy: Sides<Float64Array>,
  gaps: Float64Array,
  statistics: GapStatistics,
  parameters: { readonly beta: number; readonly gamma: number; readonly alpha: number },
): MarginColumns {
  const { beta, gamma, alpha } = parameters;
  const margins = new Float64Array(policy.chosen.length);
  for (let row = 0; row < margins.length; row++) {
    const z = statistics.sd === 0 ? 0 : (gaps[row]! - statistics.mean) / statistics.sd;
    margins[row] = beta * (policy.chosen[row]! - policy.rejected[row]! - gamma - alpha * z);
  }
  return { margins, perChosen: beta, perRejected: -beta };
}
