import { assistant, isText, optionalText, textField, user, withSystem, type Row } from '../fields.js';
import type { RowForm } from './form.js';

/** A question with a good and a bad answer, for the chat template (Orca DPO pairs, Neural-DPO). */
export const question: RowForm = {
  name: 'question',
  summary: '{question (or prompt), chosen, rejected, system?}: texts for the chat template',
  fields: ['question', 'chosen', 'rejected'],
  recognises: (row) =>
    isText(row['chosen']) && isText(row['rejected']) && (isText(row['question']) || (isText(row['prompt']) && isText(row['system']))),
  toPairs: (row) => [
    {
      plain: false,
      prompt: withSystem(optionalText(row, 'system'), [user(textField(row, questionField(row)))]),
      chosen: [assistant(textField(row, 'chosen'))],
      rejected: [assistant(textField(row, 'rejected'))],
    },
  ],
};

const questionField = (row: Row): string =>
  row['question'] === undefined && row['prompt'] !== undefined ? 'prompt' : 'question';
