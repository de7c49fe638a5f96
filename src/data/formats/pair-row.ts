/** Pairing of the answers inside one row, by the rule the user named. */
import { pairAnswers, type ScoredAnswers } from '../pairing.js';
import type { PairDraft } from '../make-pair.js';
import { stablePlace } from '../stable-order.js';
import type { FormatContext } from './format.js';

/** Pairs of the answers in one row; random rules draw by seed and prompt, so that they repeat. */
export function pairsOfAnswers(scored: ScoredAnswers, context: FormatContext): PairDraft[] {
  const draw = (): number => stablePlace(context.seed, 'pairing', JSON.stringify(scored.prompt));
  const pairs = pairAnswers(scored, context.pairing, draw);
  context.onPaired();
  return pairs;
}
