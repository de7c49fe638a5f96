import { isText } from '../fields.js';
import { chatTexts } from './chat-texts.js';
import type { RowFormat } from './format.js';

/** Columns of argilla/distilabel-math-preference-dpo. */
export const distilabelMath: RowFormat = {
  name: 'distilabel-math',
  summary: '{instruction, chosen_response, rejected_response, system?}: texts for the chat template',
  fields: ['instruction', 'chosen_response', 'rejected_response'],
  recognises: (row) => isText(row['instruction']) && isText(row['chosen_response']) && isText(row['rejected_response']),
  toPairs: (row) => [
    chatTexts(row, { prompt: 'instruction', chosen: 'chosen_response', rejected: 'rejected_response' }),
  ],
};
