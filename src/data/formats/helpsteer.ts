import { assistant, isText, numberOf, textField, user, type Row } from '../fields.js';
import type { AnswerFormat } from './format.js';

const RATINGS = ['helpfulness', 'correctness', 'coherence', 'complexity', 'verbosity'];

/**
 * nvidia/HelpSteer: one answer per row with ratings from 0 to 4; the answers to a prompt are gathered and paired.
 * By helpfulness, ties broken by the mean of the other ratings; or by the one rating that was asked for.
 */
export const helpSteer: AnswerFormat = {
  name: 'helpsteer',
  summary: '{prompt, response, helpfulness, correctness, ...}: one scored answer per row, gathered by prompt',
  fields: ['prompt', 'response', 'helpfulness'],
  note: () =>
    "answers are gathered by prompt over the whole file, then paired; line numbers are those of a prompt's first answer",
  recognises: (row) => isText(row['prompt']) && isText(row['response']) && isNumeric(row['helpfulness']),
  toAnswer: (row, context) => ({
    plain: false,
    prompt: [user(textField(row, 'prompt'))],
    answers: [
      {
        messages: [assistant(textField(row, 'response'))],
        score: context.score === undefined ? rating(row) : numberOf(row[context.score], context.score),
      },
    ],
  }),
};

/** Helpfulness with a fraction that only decides ties: ratings are whole numbers up to 4. */
function rating(row: Row): number {
  const others = RATINGS.slice(1).filter((name) => row[name] !== undefined && row[name] !== null);
  const mean = others.reduce((sum, name) => sum + numberOf(row[name], name), 0) / Math.max(1, others.length);
  return numberOf(row['helpfulness'], 'helpfulness') + mean / 100;
}

const isNumeric = (value: unknown): boolean =>
  ['number', 'bigint'].includes(typeof value) || (isText(value) && /^\d+$/.test(value));
