import { looksLikeMessages, messagesOf, optionalText, responseOf, withSystem } from '../fields.js';
import type { RowFormat } from './format.js';

/** ShareGPT and LLaMA-Factory's ranking of it: a conversation, and two answers to it. */
export const shareGpt: RowFormat = {
  name: 'sharegpt',
  summary: '{conversations: [{from, value}], chosen: {from, value}, rejected: {from, value}}',
  fields: ['conversations', 'chosen', 'rejected'],
  recognises: (row) =>
    looksLikeMessages(row['conversations']) && row['chosen'] !== undefined && row['rejected'] !== undefined,
  toPairs: (row) => [
    {
      plain: false,
      prompt: withSystem(optionalText(row, 'system'), messagesOf(row['conversations'], 'conversations')),
      chosen: responseOf(row['chosen'], 'chosen'),
      rejected: responseOf(row['rejected'], 'rejected'),
    },
  ],
};
