import { describeValue } from '../../core/describe-value.js';
import { assistant, isList, isRow, isText, listField, looksLikeMessages, messagesOf, numberOf, optionalText, textField, user, withSystem, type Row } from '../fields.js';
import type { ScoredAnswer } from '../pairing.js';
import { RowProblem } from '../row-problem.js';
import type { RowForm } from './form.js';
import { pairsOfAnswers } from './pair-row.js';

/**
 * Any list of answers to a prompt: `responses` (or `completions`) best first, or with `scores` (higher is better) or
 * `ranks` (1 is best) beside them, or as objects {text or content or response, score or rank}.
 */
export const scoredList: RowForm = {
  name: 'scored-list',
  summary: '{prompt, responses: [...], scores? or ranks?}: best first, or scored, or ranked from 1',
  fields: ['prompt'],
  recognises: (row) => (isText(row['prompt']) || looksLikeMessages(row['prompt'])) && isList(row[listName(row)]),
  toPairs: (row, context) => {
    const prompt = isText(row['prompt']) ? [user(textField(row, 'prompt'))] : messagesOf(row['prompt'], 'prompt');
    return pairsOfAnswers({ plain: false, prompt: withSystem(optionalText(row, 'system'), prompt), answers: answersOf(row, context.score) }, context);
  },
};

const listName = (row: Row): string => (row['responses'] === undefined && row['completions'] !== undefined ? 'completions' : 'responses');

function answersOf(row: Row, scoreField: string | undefined): ScoredAnswer[] {
  const name = listName(row);
  const list = listField(row, name);
  const beside = ['scores', 'ranks'].find((field) => isList(row[field]));
  const besideList = beside === undefined ? undefined : listField(row, beside);
  if (besideList !== undefined && besideList.length !== list.length) {
    throw new RowProblem(`${beside}: expected ${list.length} numbers, one per response, got ${besideList.length}`);
  }
  return list.map((entry, index) => {
    const where = `${name}[${index}]`;
    const messages = [assistant(answerText(entry, where))];
    if (besideList !== undefined) {
      const number = numberOf(besideList[index], `${beside}[${index}]`);
      return { messages, score: beside === 'ranks' ? -number : number };
    }
    return { messages, score: ownScore(entry, scoreField, where) ?? -index };
  });
}

function answerText(entry: unknown, where: string): string {
  if (isText(entry)) return entry;
  if (!isRow(entry)) throw new RowProblem(`${where}: expected text or an object {text, score}, got ${describeValue(entry)}`);
  const name = ['text', 'content', 'response', 'answer'].find((field) => isText(entry[field]));
  if (name === undefined) throw new RowProblem(`${where}: expected text in text, content, response or answer, got ${describeValue(entry)}`);
  return textField(entry, name);
}

function ownScore(entry: unknown, scoreField: string | undefined, where: string): number | undefined {
  if (!isRow(entry)) return undefined;
  if (scoreField !== undefined) return numberOf(entry[scoreField], `${where}.${scoreField}`);
  if (entry['score'] !== undefined) return numberOf(entry['score'], `${where}.score`);
  return entry['rank'] === undefined ? undefined : -numberOf(entry['rank'], `${where}.rank`);
}
