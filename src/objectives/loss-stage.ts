/** The last stage of an objective: from policy and virtual reference to losses, gradients, margins and rewards. */
import { MrpoError } from '../core/errors.js';
import type { ObjectiveConfig } from '../config/schema.js';
import { forwardKlMargins, forwardKlRewards } from '../math/forward-kl.js';
import { conservativeLink, hingeLink, ipoLink, linkOf, robustLink, sigmoidLink, type Link } from '../math/link.js';
import { hypoMargins, logRatioMargins, simpoMargins, type LogpColumns, type MarginColumns } from '../math/margin.js';
import { multiDpoLoss, type LossColumns } from '../math/multi-dpo.js';
import type { BatchView } from './batch-view.js';
import type { VirtualReference } from './virtual-reference.js';

/** Columns of length B; gradients are with respect to the policy's log-probs in the unit of the view. */
export interface LossStageResult extends LossColumns {
  readonly margins: Float64Array;
  readonly rewards: LogpColumns;
  /** What results report as the reference, where it is not the virtual one. */
  readonly reference?: LogpColumns;
}

/** One method's last stage. Reference-free methods get no reference. */
export type LossStage = (view: BatchView, reference: VirtualReference) => LossStageResult;

/** DPO and MRPO, which differ only in the reference they are given. */
export function logRatioStage(beta: number, link: Link): LossStage {
  return (view, reference) =>
    throughLink(logRatioMargins(view.policy, reference, beta), link, logRatioRewards(view.policy, reference, beta));
}

export function hypoStage(beta: number, link: Link): LossStage {
  return (view, reference) =>
    throughLink(hypoMargins(view.policy, reference, beta), link, logRatioRewards(view.policy, reference, beta));
}

export function forwardKlStage(beta: number, link: Link): LossStage {
  return (view, mixture) =>
    throughLink(forwardKlMargins(view.policy, mixture, beta), link, {
      chosen: forwardKlRewards(view.policy.chosen, mixture.chosen, beta),
      rejected: forwardKlRewards(view.policy.rejected, mixture.rejected, beta),
    });
}

export function simpoStage(beta: number, gamma: number, link: Link): LossStage {
  return ({ policy }) =>
    throughLink(simpoMargins(policy, beta, gamma), link, {
      chosen: policy.chosen.map((logp) => beta * logp),
      rejected: policy.rejected.map((logp) => beta * logp),
    });
}

export function multiDpoStage(beta: number, link: Link): LossStage {
  return (view, reference) => {
    const first = { chosen: reference.bounded.chosen[0]!, rejected: reference.bounded.rejected[0]! };
    const references = reference.bounded.chosen.map((chosen, k) => ({
      chosen,
      rejected: reference.bounded.rejected[k]!,
    }));
    return {
      ...multiDpoLoss(view.policy, references, reference.weights, beta, link),
      margins: logRatioMargins(view.policy, first, beta).margins,
      rewards: logRatioRewards(view.policy, first, beta),
      reference: first,
    };
  };
}

/** Loss and gradient of margins: dL/dlogp = dL/dm * dm/dlogp. */
export function throughLink(margin: MarginColumns, link: Link, rewards: LogpColumns): LossStageResult {
  const { losses, slopes } = link(margin.margins);
  return {
    losses,
    gradChosen: times(slopes, margin.perChosen),
    gradRejected: times(slopes, margin.perRejected),
    margins: margin.margins,
    rewards,
  };
}

/** beta (policy - reference) of both responses. */
export function logRatioRewards(policy: LogpColumns, reference: LogpColumns, beta: number): LogpColumns {
  return {
    chosen: scaledGap(policy.chosen, reference.chosen, beta),
    rejected: scaledGap(policy.rejected, reference.rejected, beta),
  };
}

/** The link that `variant` and `label_smoothing` ask for. Throws `config` where they contradict each other. */
export function createLink(config: Pick<ObjectiveConfig, 'variant' | 'label_smoothing' | 'beta'>): Link {
  const { variant, label_smoothing: smoothing, beta } = config;
  if (smoothing > 0 && (variant === 'ipo' || variant === 'hinge')) {
    throw new MrpoError(
      'config',
      `objective.label_smoothing: ${variant} has no form with label smoothing, got ${smoothing}; expected 0`,
      {
        hint: 'Use variant sigmoid (cDPO) or robust with label_smoothing.',
      },
    );
  }
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
