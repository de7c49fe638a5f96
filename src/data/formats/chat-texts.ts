/** Three texts of a row, put into the chat template with the row's system text in front. */
import { assistant, optionalText, textField, user, withSystem, type Row } from '../fields.js';
import type { PairDraft } from '../make-pair.js';

export interface TextFields {
  readonly prompt: string;
  readonly chosen: string;
  readonly rejected: string;
}

/** @param fields names of the columns. @throws RowProblem if one of them is not text. */
export const chatTexts = (row: Row, fields: TextFields): PairDraft => ({
  plain: false,
  prompt: withSystem(optionalText(row, 'system'), [user(textField(row, fields.prompt))]),
  chosen: [assistant(textField(row, fields.chosen))],
  rejected: [assistant(textField(row, fields.rejected))],
});
