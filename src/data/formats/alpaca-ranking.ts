import { describeValue } from '../../core/describe-value.js';
import {
  assistant,
  isList,
  isText,
  listField,
  optionalText,
  textField,
  user,
  withSystem,
  type Row,
} from '../fields.js';
import type { ChatMessage } from '../pair.js';
import { RowProblem } from '../row-problem.js';
import type { RowFormat } from './format.js';
import { pairsOfAnswers } from './pair-row.js';

/**
 * LLaMA-Factory's ranking format and comparison_gpt4: an instruction (with its input on the next line) and answers,
 * best first in `output`, or in `chosen` and `rejected`. `history` holds earlier turns, `system` a system text.
 */
export const alpacaRanking: RowFormat = {
  name: 'alpaca-ranking',
  summary:
    '{instruction, input?, output: [best, ..., worst]} or {instruction, input?, chosen, rejected}, with system? and history?',
  fields: ['instruction'],
  recognises: (row) =>
    isText(row['instruction']) && (isList(row['output']) || (isText(row['chosen']) && isText(row['rejected']))),
  toPairs: (row, context) => {
    const prompt = promptOf(row);
    // Beside a chosen and a rejected answer, an `output` of one text is the answer of some supervised data set.
    if (!isList(row['output']) && row['chosen'] !== undefined) {
      const chosen = [assistant(textField(row, 'chosen'))];
      return [{ plain: false, prompt, chosen, rejected: [assistant(textField(row, 'rejected'))] }];
    }
    const answers = listField(row, 'output').map((answer, index) => ({
      messages: [assistant(answerText(answer, index))],
      score: -index,
    }));
    return pairsOfAnswers({ plain: false, prompt, answers }, context);
  },
};

function promptOf(row: Row): ChatMessage[] {
  const instruction = textField(row, 'instruction');
  const input = optionalText(row, 'input');
  const history = row['history'] === undefined || row['history'] === null ? [] : listField(row, 'history');
  const earlier = history.flatMap((turn, index) => {
    const [question, reply] = isList(turn) ? turn : [];
    if (isText(question) && isText(reply)) return [user(question), assistant(reply)];
    throw new RowProblem(`history[${index}]: expected [question, reply], got ${describeValue(turn)}`);
  });
  return withSystem(optionalText(row, 'system'), [
    ...earlier,
    user(input === '' ? instruction : `${instruction}\n${input}`),
  ]);
}

function answerText(answer: unknown, index: number): string {
  if (isText(answer)) return answer;
  throw new RowProblem(`output[${index}]: expected text, got ${describeValue(answer)}`);
}
