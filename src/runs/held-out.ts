/** `held-out.jsonl`: each held-out pair's log-probs before training and at the last evaluation, and the references'. */
import type { Evaluation } from '../training/evaluate.js';
import type { Examples } from '../training/examples.js';

/** One line per pair; log-probs are `[chosen, rejected]` in nats, summed over response tokens. */
export function heldOutLines(
  examples: Examples,
  referenceNames: readonly string[],
  before: Evaluation,
  after: Evaluation,
): readonly Readonly<Record<string, unknown>>[] {
  return Array.from({ length: examples.size }, (_, i) => ({
    row: examples.names[i],
    tokens: [examples.chosenTokens[i], examples.rejectedTokens[i]],
    before: [before.chosenLogps[i], before.rejectedLogps[i]],
    after: [after.chosenLogps[i], after.rejectedLogps[i]],
    references: Object.fromEntries(
      referenceNames.map((name, k) => [
        name,
        [examples.references[k]?.chosen.logps[i], examples.references[k]?.rejected.logps[i]],
      ]),
    ),
  }));
}
