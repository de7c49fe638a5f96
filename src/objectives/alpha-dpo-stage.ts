/** AlphaDPO as a loss stage: running statistics of past steps, updated by `observe`, read by every evaluation. */
import type { ObjectiveConfig } from '../config/schema.js';
import {
  alphaDpoMargins,
  gapStatistics,
  policyReferenceGaps,
  updateGapStatistics,
  type GapStatistics,
} from '../math/alpha-dpo.js';
import type { Link } from '../math/link.js';
import type { BatchView } from './batch-view.js';
import { logRatioRewards, throughLink, type LossStage } from './loss-stage.js';
import type { VirtualReference } from './virtual-reference.js';
import { numberList } from './weightings/state.js';

/** A loss that learns from past steps and keeps what it learnt in checkpoints. */
export interface StatefulLoss {
  readonly stage: LossStage;
  observe(view: BatchView, reference: VirtualReference): void;
  state(): unknown;
  restore(state: unknown): void;
}

/**
 * Before the first step the statistics are those of the batch at hand.
 * @throws MrpoError `data` from `restore` for a state that it did not write.
 */
export function createAlphaDpoStage(
  config: Pick<ObjectiveConfig, 'beta' | 'gamma' | 'alpha'>,
  link: Link,
): StatefulLoss {
  let past: GapStatistics | undefined;
  return {
    stage: (view, reference) => {
      const gaps = policyReferenceGaps(view.policy, reference);
      const margins = alphaDpoMargins(view.policy, gaps, past ?? gapStatistics(gaps), config);
      return throughLink(margins, link, logRatioRewards(view.policy, reference, config.beta));
    },
    observe: (view, reference) => {
      if (view.batch.size === 0) return;
      past = updateGapStatistics(past, gapStatistics(policyReferenceGaps(view.policy, reference)));
    },
    state: () => ({ gap: past === undefined ? null : [past.mean, past.sd] }),
    restore: (state) => {
      const saved = numberList(state, 'gap', 2);
      past = saved === undefined ? undefined : { mean: saved[0]!, sd: saved[1]! };
    },
  };
}
