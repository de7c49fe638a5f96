/** `held-out.jsonl`: each held-out pair's log-probs before training and at the last evaluation, and the references'. */
import type { Sides } from '../core/sides.js';
import type { Evaluation } from '../training/evaluate.js';
import type { Examples } from '../training/examples.js';

/**
 * One line per pair; log-probs are `[chosen, rejected]` in nats, summed over response tokens. `rewards` are the
 * objective's own after training: the pair is won where the first is higher.
 */
export function heldOutLines(
  examples: Examples,
  referenceNames: readonly string[],
  before: Evaluation,
  after: Evaluation,
): readonly Readonly<Record<string, unknown>>[] {
  return Array.from({ length: examples.size }, (_, i) => ({
    row: examples.names[i],
    tokens: bothOf(examples.responseTokens, i),
    before: bothOf(before.logps, i),
    after: bothOf(after.logps, i),
    rewards: bothOf(after.rewards, i),
    references: Object.fromEntries(
      referenceNames.map((name, k) => [
        name,
        [examples.references[k]?.chosen.logps[i], examples.references[k]?.rejected.logps[i]],
      ]),
    ),
  }));
}

const bothOf = ({ chosen, rejected }: Sides<Float64Array>, i: number) => [chosen[i], rejected[i]] as const;
