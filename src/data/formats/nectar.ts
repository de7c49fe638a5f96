import { describeValue } from '../../core/describe-value.js';
import { assistant, isList, isRow, isText, listField, numberOf, textField, user } from '../fields.js';
import { RowProblem } from '../row-problem.js';
import { looksLikeTranscript, transcriptMessages } from '../transcript.js';
import type { RowFormat } from './format.js';
import { pairsOfAnswers } from './pair-row.js';

/** berkeley-nest/Nectar: seven answers ranked from 1 (best); the prompt is a dialogue as text. */
export const nectar: RowFormat = {
  name: 'nectar',
  summary: '{prompt, answers: [{answer, rank}]}: ranked answers, 1 = best',
  fields: ['prompt', 'answers'],
  recognises: (row) =>
    isText(row['prompt']) && isList(row['answers']) && isRow(row['answers'][0]) && 'rank' in row['answers'][0],
  toPairs: (row, context) => {
    const text = textField(row, 'prompt');
    const answers = listField(row, 'answers').map((entry, index) => {
      const where = `answers[${index}]`;
      if (!isRow(entry))
        throw new RowProblem(`${where}: expected an object {answer, rank}, got ${describeValue(entry)}`);
      if (!isText(entry['answer']))
        throw new RowProblem(`${where}.answer: expected text, got ${describeValue(entry['answer'])}`);
      return { messages: [assistant(entry['answer'])], score: -numberOf(entry['rank'], `${where}.rank`) };
    });
    const prompt = looksLikeTranscript(text) ? transcriptMessages(text, 'prompt') : [user(text)];
    return pairsOfAnswers({ plain: false, prompt, answers }, context);
  },
};
