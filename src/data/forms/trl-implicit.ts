import { splitMessages, commonTextLength } from '../common-prefix.js';
import { assistant, isList, isText, looksLikeMessages, messagesOf, optionalText, textField, user, withSystem, type Row } from '../fields.js';
import type { PairDraft } from '../make-pair.js';
import type { RowForm } from './form.js';

/**
 * TRL's implicit-prompt form: the prompt is what chosen and rejected begin with in common. Data sets such as
 * UltraFeedback-binarized also have the prompt as text beside the two conversations; it is already inside them.
 */
export const trlImplicit: RowForm = {
  name: 'trl-implicit',
  summary: '{chosen, rejected}: whole texts or conversations; the prompt is their longest common beginning',
  fields: ['chosen', 'rejected'],
  recognises: (row) =>
    (looksLikeMessages(row['chosen']) && looksLikeMessages(row['rejected']) && !isList(row['prompt'])) ||
    (isText(row['chosen']) && isText(row['rejected']) && row['prompt'] === undefined),
  toPairs: (row) => [isText(row['chosen']) ? textPair(row) : conversationPair(row)],
};

function conversationPair(row: Row): PairDraft {
  const systemText = optionalText(row, 'system');
  const conversation = (name: string) => withSystem(systemText, messagesOf(row[name], name));
  return { plain: false, ...splitMessages(conversation('chosen'), conversation('rejected')) };
}

function textPair(row: Row): PairDraft {
  const chosen = textField(row, 'chosen');
  const rejected = textField(row, 'rejected');
  const length = commonTextLength(chosen, rejected);
  return {
    plain: true,
    prompt: [user(chosen.slice(0, length))],
    chosen: [assistant(chosen.slice(length))],
    rejected: [assistant(rejected.slice(length))],
  };
}
