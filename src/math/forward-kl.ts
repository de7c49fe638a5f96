/**
 * Preference loss of the forward-KL problem, max E[r] - beta sum_k alpha_k KL(pi_k || pi). Its optimum is
 * pi = beta pi_bar / (lambda(x) - r) with pi_bar the arithmetic mixture of the references, so r = const - beta pi_bar / pi:
 *
 *   m = r(w) - r(l),   r(y) = -beta e^(l_bar(y) - lp(y))
 *   dm/dlp(w) = beta e^(l_bar(w) - lp(w)),   dm/dlp(l) = -beta e^(l_bar(l) - lp(l))
 *
 * The exponent is a difference of sequence log-probs and may be hundreds of nats. Above EXPONENT_LIMIT e^x goes on as
 * its tangent, so that value and gradient stay finite and the gradient keeps its sign; below it the formula is exact.
 * Log-probs per token or byte keep the exponent small.
 */
import type { Sides } from '../core/sides.js';
import type { MarginColumns } from './margin.js';

/** Largest exponent, in the unit of the log-probs, at which e^x is exact. */
export const EXPONENT_LIMIT = 20;

/** e^x up to EXPONENT_LIMIT, its tangent above. */
export function boundedExp(x: number): number {
  return x <= EXPONENT_LIMIT ? Math.exp(x) : Math.exp(EXPONENT_LIMIT) * (1 + x - EXPONENT_LIMIT);
}

/** Derivative of {@link boundedExp}. */
export function boundedExpSlope(x: number): number {
  return Math.exp(Math.min(x, EXPONENT_LIMIT));
}

/** Implicit rewards r(y) = -beta e^(l_bar(y) - lp(y)) of one column of responses. */
export function forwardKlRewards(policy: Float64Array, mixture: Float64Array, beta: number): Float64Array {
  return policy.map((logp, row) => -beta * boundedExp(mixture[row]! - logp));
}

/** Margins of the forward-KL loss. @param mixture Arithmetic pool of the references. */
export function forwardKlMargins(
  policy: Sides<Float64Array>,
  mixture: Sides<Float64Array>,
  beta: number,
): MarginColumns {
  const chosen = forwardKlRewards(policy.chosen, mixture.chosen, beta);
  const rejected = forwardKlRewards(policy.rejected, mixture.rejected, beta);
  return {
    margins: chosen.map((reward, row) => reward - rejected[row]!),
    perChosen: policy.chosen.map((logp, row) => beta * boundedExpSlope(mixture.chosen[row]! - logp)),
    perRejected: policy.rejected.map((logp, row) => -beta * boundedExpSlope(mixture.rejected[row]! - logp)),
  };
}
