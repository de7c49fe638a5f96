/**
 * Multi-DPO, Eq. 11 of MRPO (arXiv 2405.16388): one DPO loss per reference, averaged with the reference weights.
 *
 *   L = sum_k alpha_k phi(m_k),   m_k = beta (lp(w) - l_k(w)) - beta (lp(l) - l_k(l)),   phi(m) = -log sigmoid(m)
 *   dL/dlp(w) = beta sum_k alpha_k phi'(m_k) = -dL/dlp(l)
 */
import type { Link } from './link.js';
import type { Sides } from '../core/sides.js';
import { logRatioMargins } from './margin.js';

/** Loss and +dL/dlogp of B pairs. */
export interface LossColumns {
  readonly losses: Float64Array;
  readonly gradients: Sides<Float64Array>;
}

/** Eq. 11 over K references. @param weights K columns of length B, each row adding up to 1. */
export function multiDpoLoss(
  policy: Sides<Float64Array>,
  references: readonly Sides<Float64Array>[],
  weights: readonly Float64Array[],
  beta: number,
  link: Link,
): LossColumns {
  const losses = new Float64Array(policy.chosen.length);
  const chosen = new Float64Array(losses.length);
  references.forEach((reference, k) => {
    const weight = weights[k]!;
    const part = link(logRatioMargins(policy, reference, beta).margins);
    for (let row = 0; row < losses.length; row++) {
      losses[row] = losses[row]! + weight[row]! * part.losses[row]!;
      chosen[row] = chosen[row]! + beta * weight[row]! * part.slopes[row]!;
    }
  });
  return { losses, gradients: { chosen, rejected: chosen.map((gradient) => -gradient) } };
}
