import { describeValue } from '../../core/describe-value.js';
import {
  assistant,
  isList,
  isRow,
  isText,
  listField,
  looksLikeMessages,
  messagesOf,
  optionalText,
  textField,
  user,
  withSystem,
  type Row,
} from '../fields.js';
import type { ScoredAnswer } from '../pairing.js';
import { RowProblem } from '../row-problem.js';
import { answerScores } from './answer-scores.js';
import type { FormatContext, RowFormat } from './format.js';
import { pairsOfAnswers } from './pair-row.js';

/**
 * Any list of answers to a prompt: `responses` (or `completions`) best first, or with `scores`, `ratings`, `rewards`
 * (higher is better) or `ranks` (1 is best) beside them, or as objects {text or content or response or answer, and
 * score or rating or reward or rank}. A row with two of these is used only where the user names the one that counts.
 */
export const scoredList: RowFormat = {
  name: 'scored-list',
  summary:
    '{prompt, responses: [...], scores? or ratings? or rewards? or ranks?}: best first, or scored, or ranked from 1',
  fields: ['prompt'],
  recognises: (row) => (isText(row['prompt']) || looksLikeMessages(row['prompt'])) && isList(row[listName(row)]),
  toPairs: (row, context) => {
    const prompt = isText(row['prompt']) ? [user(textField(row, 'prompt'))] : messagesOf(row['prompt'], 'prompt');
    return pairsOfAnswers(
      { plain: false, prompt: withSystem(optionalText(row, 'system'), prompt), answers: answersOf(row, context) },
      context,
    );
  },
};

const listName = (row: Row): string =>
  row['responses'] === undefined && row['completions'] !== undefined ? 'completions' : 'responses';

function answersOf(row: Row, context: FormatContext): ScoredAnswer[] {
  const name = listName(row);
  const scores = answerScores(row, name, context);
  return listField(row, name).map((entry, index) => ({
    messages: [assistant(answerText(entry, `${name}[${index}]`))],
    score: scores[index] as number,
  }));
}

function answerText(entry: unknown, where: string): string {
  if (isText(entry)) return entry;
  if (!isRow(entry))
    throw new RowProblem(`${where}: expected text or an object {text, score}, got ${describeValue(entry)}`);
  const name = ['text', 'content', 'response', 'answer'].find((field) => isText(entry[field]));
  if (name === undefined)
    throw new RowProblem(`${where}: expected text in text, content, response or answer, got ${describeValue(entry)}`);
  return textField(entry, name);
}
