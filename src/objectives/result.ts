/** The last step of every evaluation: gradients back to summed log-probs, and all columns in one frozen record. */
import { perLength } from '../math/normalization.js';
import { constantColumn } from '../math/numeric.js';
import type { BatchView } from './batch-view.js';
import type { LossStage } from './loss-stage.js';
import type { ObjectiveResult } from './objective.js';
import type { VirtualReference } from './virtual-reference.js';

/** Runs the stage and assembles the result. `reference` is undefined for reference-free losses. */
export function assembleResult(
  view: BatchView,
  reference: VirtualReference | undefined,
  stage: LossStage,
): ObjectiveResult {
  const used = reference ?? noReference(view.batch.size);
  const loss = stage(view, used);
  const reported = loss.reference ?? used;
  return Object.freeze({
    losses: loss.losses,
    gradChosen: perLength(loss.gradChosen, view.policyLengths?.chosen),
    gradRejected: perLength(loss.gradRejected, view.policyLengths?.rejected),
    margins: loss.margins,
    rewardsChosen: loss.rewards.chosen,
    rewardsRejected: loss.rewards.rejected,
    referenceChosen: reported.chosen,
    referenceRejected: reported.rejected,
    weights: used.weights,
    epsilonChosen: used.epsilon.chosen,
    epsilonRejected: used.epsilon.rejected,
    boundedChosen: used.bounded.chosen,
    boundedRejected: used.bounded.rejected,
    clippedChosen: used.moved.chosen,
    clippedRejected: used.moved.rejected,
  });
}

function noReference(size: number): VirtualReference {
  const nothing = constantColumn(size, NaN);
  const none = { chosen: [], rejected: [] };
  return {
    epsilon: { chosen: nothing, rejected: nothing },
    weights: [],
    bounded: none,
    moved: none,
    chosen: nothing,
    rejected: nothing,
  };
}
