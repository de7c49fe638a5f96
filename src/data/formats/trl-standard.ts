import { assistant, isText, optionalText, textField, user, type Row } from '../fields.js';
import { chatTexts } from './chat-texts.js';
import type { RowFormat } from './format.js';

/**
 * TRL's standard format: three texts, used as they are, without a chat template. Only a template has a place for a
 * system text, so a row that has one is put into it.
 */
export const trlStandard: RowFormat = {
  name: 'trl-standard',
  summary: '{prompt, chosen, rejected}: three texts, used as they are',
  fields: ['prompt', 'chosen', 'rejected'],
  note: (sample) =>
    `text is used as it is, without a chat template (TRL's standard format)${sample.some(hasSystem) ? ', but for rows with a system text' : ''}; ` +
    'format "question" puts it into the chat template instead',
  recognises: (row) => isText(row['prompt']) && isText(row['chosen']) && isText(row['rejected']) && !('system' in row),
  toPairs: (row) => {
    if (optionalText(row, 'system') !== '') {
      return [chatTexts(row, { prompt: 'prompt', chosen: 'chosen', rejected: 'rejected' })];
    }
    return [
      {
        plain: true,
        prompt: [user(textField(row, 'prompt'))],
        chosen: [assistant(textField(row, 'chosen'))],
        rejected: [assistant(textField(row, 'rejected'))],
      },
    ];
  },
};

const hasSystem = (row: Row): boolean => isText(row['system']) && row['system'] !== '';
