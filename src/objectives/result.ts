/** The last step of every evaluation: gradients back to summed log-probs, and all columns in one frozen record. */
import { eachSide } from '../core/sides.js';
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
    gradients: eachSide((side) => perLength(loss.gradients[side], view.policyLengths?.[side])),
    margins: loss.margins,
    rewards: loss.rewards,
    virtual: { chosen: reported.chosen, rejected: reported.rejected },
    weights: used.weights,
    epsilon: used.epsilon,
    clipped: used.clipped,
    isClipped: used.isClipped,
  });
}

function noReference(size: number): VirtualReference {
  const nothing = constantColumn(size, NaN);
  const none = { chosen: [], rejected: [] };
  return {
    epsilon: { chosen: nothing, rejected: nothing },
    weights: [],
    clipped: none,
    isClipped: none,
    chosen: nothing,
    rejected: nothing,
  };
}
