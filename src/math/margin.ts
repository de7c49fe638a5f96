/**
 * Margins: how much more the policy prefers the chosen response than its reference does. One function per method;
 * each returns B margins and their derivatives with respect to the policy's two log-probs. References are constants.
 */
import type { Sides } from '../core/sides.js';

/** B margins and dm/dlogp of each response: a number where it is the same in every row, else a column. */
export interface MarginColumns {
  readonly margins: Float64Array;
  readonly perChosen: number | Float64Array;
  readonly perRejected: number | Float64Array;
}

/**
 * DPO (arXiv 2305.18290, Eq. 7) and MRPO (arXiv 2405.16388, Eq. 7), which differ only in the reference:
 *   m = beta (lp(w) - lr(w)) - beta (lp(l) - lr(l))
 * Taken in this order the subtractions are exact while the policy is close to its reference.
 */
export function logRatioMargins(
  policy: Sides<Float64Array>,
  reference: Sides<Float64Array>,
  beta: number,
): MarginColumns {
  const margins = new Float64Array(policy.chosen.length);
  for (let row = 0; row < margins.length; row++) {
    const chosen = policy.chosen[row]! - reference.chosen[row]!;
    const rejected = policy.rejected[row]! - reference.rejected[row]!;
    margins[row] = beta * (chosen - rejected);
  }
  return { margins, perChosen: beta, perRejected: -beta };
}

/**
 * HyPO (arXiv 2602.11902): a reference that prefers the rejected response is ignored.
 *   m = beta (lp(w) - lp(l) - max(0, lr(w) - lr(l)))
 */
export function hypoMargins(policy: Sides<Float64Array>, reference: Sides<Float64Array>, beta: number): MarginColumns {
  const margins = new Float64Array(policy.chosen.length);
  for (let row = 0; row < margins.length; row++) {
    const referenceGap = Math.max(0, reference.chosen[row]! - reference.rejected[row]!);
    margins[row] = beta * (policy.chosen[row]! - policy.rejected[row]! - referenceGap);
  }
  return { margins, perChosen: beta, perRejected: -beta };
}

/**
 * SimPO (arXiv 2405.14734, Eq. 6), reference-free, on log-probs per token:
 *   m = beta (lp(w) - lp(l)) - gamma
 */
export function simpoMargins(policy: Sides<Float64Array>, beta: number, gamma: number): MarginColumns {
  const margins = new Float64Array(policy.chosen.length);
  for (let row = 0; row < margins.length; row++) {
    margins[row] = beta * (policy.chosen[row]! - policy.rejected[row]!) - gamma;
  }
  return { margins, perChosen: beta, perRejected: -beta };
}
