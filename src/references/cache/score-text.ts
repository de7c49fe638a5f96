/** What the scores of a pair are kept under, beside the model and the rule: its text, and what else decides its numbers. */
import type { TokenRule } from '../../backend/backend.js';
import { sha256 } from '../../core/hash.js';
import type { ChatMessage, PreferencePair } from '../../data/pair.js';

/** Marks between which models reason; templates may cut what lies between them. */
const REASONING_MARK =
  /<\/?(?:think|thinking|thought|reason|reasoning|reflection|analysis|scratchpad|seed:think)>|\[\/?THINK\]|<\|\/?(?:begin_of_thought|end_of_thought|think|thinking)\|>|<\|(?:START|END)_THINKING\|>|◁\/?think▷/;

/**
 * The pair's id, for all but two kinds of pairs whose numbers once meant something else under it: responses of several
 * turns of which every token was scored, and reasoning that a template may have silently cut from the reply.
 */
export function scoreText(pair: PreferencePair, rule: Pick<TokenRule, 'scoreTurns'>): string {
  const responses = [pair.chosen, pair.rejected];
  const means: string[] = [];
  if (rule.scoreTurns !== 'all' && responses.some(({ length }) => length > 1)) means.push('turns of the assistant');
  if (!pair.plain && responses.some(reasons)) means.push('whole replies');
  return means.length === 0 ? pair.id : sha256(`${means.join(', ')} of ${pair.id}`);
}

const reasons = (response: readonly ChatMessage[]): boolean =>
  response.some(({ content }) => REASONING_MARK.test(content));
