import { isText, type Row } from '../fields.js';
import { chatTexts } from './chat-texts.js';
import type { RowFormat } from './format.js';

/** Other names of the question. */
const OTHER_NAMES = ['query', 'input', 'instruction'];

/**
 * A question with a good and a bad answer, for the chat template (Orca DPO pairs, Neural-DPO). A `prompt` is one where
 * the rows have a `system` column, filled or not: such rows are turns of a chat, not text to be continued.
 */
export const question: RowFormat = {
  name: 'question',
  summary: '{question (or query, input, prompt), chosen, rejected, system?}: texts for the chat template',
  fields: ['question', 'chosen', 'rejected'],
  recognises: (row) =>
    isText(row['chosen']) &&
    isText(row['rejected']) &&
    (isText(row['question']) ||
      (isText(row['prompt']) && isTextOrNull(row['system'])) ||
      (row['prompt'] === undefined && otherName(row) !== undefined)),
  toPairs: (row) => [chatTexts(row, { prompt: questionField(row), chosen: 'chosen', rejected: 'rejected' })],
};

function questionField(row: Row): string {
  if (row['question'] !== undefined) return 'question';
  return row['prompt'] === undefined ? (otherName(row) ?? 'question') : 'prompt';
}

/** The one column that can only be the question; with two that are filled it is not plain which. */
function otherName(row: Row): string | undefined {
  const texts = OTHER_NAMES.filter((name) => isText(row[name]));
  const filled = texts.filter((name) => String(row[name]).trim() !== '');
  const candidates = filled.length === 0 ? texts : filled;
  return candidates.length === 1 ? candidates[0] : undefined;
}

const isTextOrNull = (value: unknown): boolean => value === null || isText(value);
