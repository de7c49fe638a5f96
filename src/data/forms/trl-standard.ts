import { assistant, isText, textField, user } from '../fields.js';
import type { RowForm } from './form.js';

/** TRL's standard form: three texts, used as they are, without a chat template. */
export const trlStandard: RowForm = {
  name: 'trl-standard',
  summary: '{prompt, chosen, rejected}: three texts, used as they are',
  fields: ['prompt', 'chosen', 'rejected'],
  note: 'text is used as it is, without a chat template (TRL\'s standard form); format "question" puts it into the chat template instead',
  recognises: (row) => isText(row['prompt']) && isText(row['chosen']) && isText(row['rejected']) && !isText(row['system']),
  toPairs: (row) => [
    {
      plain: true,
      prompt: [user(textField(row, 'prompt'))],
      chosen: [assistant(textField(row, 'chosen'))],
      rejected: [assistant(textField(row, 'rejected'))],
    },
  ],
};
