/** The last stage of an objective: from policy and virtual reference to losses, gradients, margins and rewards. */
import { eachSide, type Sides } from '../core/sides.js';
import type { ObjectiveConfig } from '../config/schema.js';
import { forwardKlMargins, forwardKlRewards } from '../math/forward-kl.js';
import { conservativeLink, hingeLink, ipoLink, linkOf, robustLink, sigmoidLink, type Link } from '../math/link.js';
import { hypoMargins, logRatioMargins, simpoMargins, type MarginColumns } from '../math/margin.js';
import { multiDpoLoss, type LossColumns } from '../math/multi-dpo.js';
import type { BatchView } from './batch-view.js';
import type { VirtualReference } from './virtual-reference.js';

/** Columns of length B; gradients are with respect to the policy's log-probs in the unit of the view. */
export interface LossStageResult extends LossColumns {
  readonly margins: Float64Array;
  readonly rewards: Sides<Float64Array>;
  /** What results report as the reference, where it is not the virtual one. */
  readonly reference?: Sides<Float64Array>;
}

/** One method's last stage. Reference-free methods get no reference. */
export type LossStage = (view: BatchView, reference: VirtualReference) => LossStageResult;

/** DPO and MRPO, which differ only in the reference they are given. */
export function logRatioStage(beta: number, link: Link): LossStage {
  return (view, reference) =>
    throughLink(logRatioMargins(view.policy, reference, beta), link, logRatioRewards(view.policy, reference, beta));
}

/** HyPO: as DPO, but a reference that prefers the rejected response counts as indifferent. */
export function hypoStage(beta: number, link: Link): LossStage {
  return (view, reference) =>
    throughLink(hypoMargins(view.policy, reference, beta), link, logRatioRewards(view.policy, reference, beta));
}

/** The forward-KL loss; its reference is the arithmetic pool. */
export function forwardKlStage(beta: number, link: Link): LossStage {
  return (view, mixture) =>
    throughLink(
      forwardKlMargins(view.policy, mixture, beta),
      link,
      eachSide((side) => forwardKlRewards(view.policy[side], mixture[side], beta)),
    );
}

/** SimPO: log-probs per token, a target margin `gamma`, no reference. Rewards are beta * log-prob. */
export function simpoStage(beta: number, gamma: number, link: Link): LossStage {
  return ({ policy }) =>
    throughLink(
      simpoMargins(policy, beta, gamma),
      link,
      eachSide((side) => policy[side].map((logp) => beta * logp)),
    );
}

/** Multi-DPO (Eq. 11): a weighted sum of losses, one per reference. Margins and rewards are those of the first one. */
export function multiDpoStage(beta: number, link: Link): LossStage {
  return (view, reference) => {
    const first = eachSide((side) => reference.clipped[side][0]!);
    const references = reference.weights.map((_, k) => eachSide((side) => reference.clipped[side][k]!));
    return {
      ...multiDpoLoss(view.policy, references, reference.weights, beta, link),
      margins: logRatioMargins(view.policy, first, beta).margins,
      rewards: logRatioRewards(view.policy, first, beta),
      reference: first,
    };
  };
}

/** Loss and gradient of margins: dL/dlogp = dL/dm * dm/dlogp. */
export function throughLink(margin: MarginColumns, link: Link, rewards: Sides<Float64Array>): LossStageResult {
  const { losses, slopes } = link(margin.margins);
  return {
    losses,
    gradients: { chosen: times(slopes, margin.perChosen), rejected: times(slopes, margin.perRejected) },
    margins: margin.margins,
    rewards,
  };
}

/** beta (policy - reference) of both responses. */
export function logRatioRewards(
  policy: Sides<Float64Array>,
  reference: Sides<Float64Array>,
  beta: number,
): Sides<Float64Array> {
  return eachSide((side) => scaledGap(policy[side], reference[side], beta));
}

/** The link that `variant` and `label_smoothing` ask for. */
export function createLink(config: Pick<ObjectiveConfig, 'variant' | 'label_smoothing' | 'beta'>): Link {
  const { variant, label_smoothing: smoothing, beta } = config;
  switch (variant) {
    case 'sigmoid':
      return smoothing === 0 ? sigmoidLink : linkOf(conservativeLink(smoothing));
    case 'robust':
      return linkOf(robustLink(smoothing));
    case 'ipo':
      return linkOf(ipoLink(beta));
    case 'hinge':
      return linkOf(hingeLink);
  }
}

function times(column: Float64Array, factor: number | Float64Array): Float64Array {
  const result = new Float64Array(column.length);
  if (typeof factor === 'number') {
    for (let row = 0; row < result.length; row++) result[row] = column[row]! * factor;
  } else {
    for (let row = 0; row < result.length; row++) result[row] = column[row]! * factor[row]!;
  }
  return result;
}

function scaledGap(policy: Float64Array, reference: Float64Array, beta: number): Float64Array {
  const result = new Float64Array(policy.length);
  for (let row = 0; row < result.length; row++) result[row] = beta * (policy[row]! - reference[row]!);
  return result;
}
