/**
 * Links: what a margin costs. A margin m is how much more the policy prefers the chosen response than its reference
 * does; every loss here falls as m rises (IPO: up to its target). Each function returns the loss of B margins and its
 * derivative dL/dm.
 */
import { sigmoid, softplus } from './numeric.js';

/** Loss and dL/dm of B margins. */
export interface LinkResult {
  readonly losses: Float64Array;
  readonly slopes: Float64Array;
}

/** A link with its parameters filled in. */
export type Link = (margins: Float64Array) => LinkResult;

/** One margin: loss and slope as pure functions. */
export interface ScalarLink {
  readonly loss: (margin: number) => number;
  readonly slope: (margin: number) => number;
}

/** Logistic loss of DPO (arXiv 2305.18290, Eq. 7): L = -log sigmoid(m) = softplus(-m), dL/dm = -sigmoid(-m). */
export function sigmoidLink(margins: Float64Array): LinkResult {
  const losses = new Float64Array(margins.length);
  const slopes = new Float64Array(margins.length);
  for (let row = 0; row < losses.length; row++) {
    const margin = margins[row]!;
    const small = Math.exp(-Math.abs(margin)); // shared by both: this loop is the hot one
    losses[row] = Math.max(-margin, 0) + Math.log1p(small);
    slopes[row] = margin >= 0 ? -small / (1 + small) : -1 / (1 + small);
  }
  return { losses, slopes };
}

/**
 * Conservative DPO (Mitchell, "A note on DPO with noisy preferences", 2023): a share s of the labels is swapped.
 *   L = (1 - s) softplus(-m) + s softplus(m),   dL/dm = -(1 - s) sigmoid(-m) + s sigmoid(m)
 * @param smoothing s in [0, 0.5).
 */
export function conservativeLink(smoothing: number): ScalarLink {
  return {
    loss: (margin) => (1 - smoothing) * softplus(-margin) + smoothing * softplus(margin),
    slope: (margin) => -(1 - smoothing) * sigmoid(-margin) + smoothing * sigmoid(margin),
  };
}

/**
 * Robust DPO (Chowdhury et al., arXiv 2403.00409): unbiased under a share s of swapped labels; may be negative.
 *   L = ((1 - s) softplus(-m) - s softplus(m)) / (1 - 2 s)
 * @param smoothing s in [0, 0.5).
 */
export function robustLink(smoothing: number): ScalarLink {
  const scale = 1 - 2 * smoothing;
  return {
    loss: (margin) => ((1 - smoothing) * softplus(-margin) - smoothing * softplus(margin)) / scale,
    slope: (margin) => (-(1 - smoothing) * sigmoid(-margin) - smoothing * sigmoid(margin)) / scale,
  };
}

/**
 * IPO (arXiv 2310.12036, Eq. 17) with tau = beta: the log-ratio difference h = m / beta is pulled to 1 / (2 beta).
 *   L = (h - 1 / (2 beta))^2 = ((m - 1/2) / beta)^2,   dL/dm = 2 (m - 1/2) / beta^2
 */
export function ipoLink(beta: number): ScalarLink {
  return {
    loss: (margin) => ((margin - 0.5) / beta) ** 2,
    slope: (margin) => (2 * (margin - 0.5)) / beta / beta,
  };
}

/** Hinge of SLiC (arXiv 2305.10425): L = max(0, 1 - m), dL/dm = -1 below 1, else 0 (also at the kink). */
export const hingeLink: ScalarLink = {
  loss: (margin) => Math.max(0, 1 - margin),
  slope: (margin) => (margin < 1 ? -1 : 0),
};

/** A scalar link over a column. */
export function linkOf(scalar: ScalarLink): Link {
  return (margins) => ({ losses: margins.map(scalar.loss), slopes: margins.map(scalar.slope) });
}
