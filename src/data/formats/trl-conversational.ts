import { looksLikeMessages, messagesOf, optionalText, responseOf, withSystem } from '../fields.js';
import type { RowFormat } from './format.js';

/** TRL's conversational format: lists of messages; a `system` field goes in front where the prompt has none. */
export const trlConversational: RowFormat = {
  name: 'trl-conversational',
  summary: '{prompt, chosen, rejected}: lists of {role, content}',
  fields: ['prompt', 'chosen', 'rejected'],
  recognises: (row) => looksLikeMessages(row['prompt']) && row['chosen'] !== undefined && row['rejected'] !== undefined,
  toPairs: (row) => [
    {
      plain: false,
      prompt: withSystem(optionalText(row, 'system'), messagesOf(row['prompt'], 'prompt')),
      chosen: responseOf(row['chosen'], 'chosen'),
      rejected: responseOf(row['rejected'], 'rejected'),
    },
  ],
};
