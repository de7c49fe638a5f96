import { assistant, isText, textField, user } from '../fields.js';
import type { RowForm } from './form.js';

/** Columns of argilla/distilabel-math-preference-dpo. */
export const distilabelMath: RowForm = {
  name: 'distilabel-math',
  summary: '{instruction, chosen_response, rejected_response}: texts for the chat template',
  fields: ['instruction', 'chosen_response', 'rejected_response'],
  recognises: (row) => isText(row['instruction']) && isText(row['chosen_response']) && isText(row['rejected_response']),
  toPairs: (row) => [
    {
      plain: false,
      prompt: [user(textField(row, 'instruction'))],
      chosen: [assistant(textField(row, 'chosen_response'))],
      rejected: [assistant(textField(row, 'rejected_response'))],
    },
  ],
};
