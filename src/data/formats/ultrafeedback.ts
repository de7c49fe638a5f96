import { describeValue } from '../../core/describe-value.js';
import { assistant, isList, isRow, isText, listField, numberOf, textField, user } from '../fields.js';
import { RowProblem } from '../row-problem.js';
import type { RowFormat } from './format.js';
import { pairsOfAnswers } from './pair-row.js';

/** openbmb/UltraFeedback: four completions to an instruction, scored by GPT-4; scored here by `overall_score` unless told otherwise. */
export const ultraFeedback: RowFormat = {
  name: 'ultrafeedback',
  summary: '{instruction, completions: [{response, overall_score, ...}]}: scored answers',
  fields: ['instruction', 'completions'],
  recognises: (row) =>
    isText(row['instruction']) &&
    isList(row['completions']) &&
    isRow(row['completions'][0]) &&
    'response' in row['completions'][0],
  toPairs: (row, context) => {
    const score = context.score ?? 'overall_score';
    const answers = listField(row, 'completions').map((completion, index) => {
      const where = `completions[${index}]`;
      if (!isRow(completion))
        throw new RowProblem(`${where}: expected an object {response, ${score}}, got ${describeValue(completion)}`);
      if (!isText(completion['response']))
        throw new RowProblem(`${where}.response: expected text, got ${describeValue(completion['response'])}`);
      return { messages: [assistant(completion['response'])], score: numberOf(completion[score], `${where}.${score}`) };
    });
    return pairsOfAnswers({ plain: false, prompt: [user(textField(row, 'instruction'))], answers }, context);
  },
};
