/** Formats whose rows hold a list of answers to one prompt, each a declaration. */
import { describeValue } from '../../core/describe-value.js';
import { isList, isRow, isText, numberOf, type Row } from '../fields.js';
import { RowProblem } from '../row-problem.js';
import type { AnswerScore } from './answer-list.js';
import { answerScores, lowerIsBetter } from './answer-scores.js';
import { each, said } from './examples.js';
import type { Format, FormatContext } from './format.js';
import { createFinder } from './finder.js';
import { listFormat, LISTS } from './list-format.js';
import { alpacaPair } from './pairs.js';
import { CHAT_PROMPT_NAMES, PROMPT_NAMES } from './vocabulary.js';

const isObjectWith = (entry: unknown, ...keys: readonly string[]): boolean =>
  isRow(entry) && keys.every((key) => key in entry);

/** A number inside each answer, by the key the user names or the format's own. */
const numberInside =
  (own: string, sign = 1) =>
  (_row: Row, answers: readonly unknown[], where: string, context: FormatContext): AnswerScore[] =>
    answers.map((answer, index) => {
      const at = `${where}[${index}]`;
      const key = context.score ?? own;
      if (!isRow(answer))
        throw new RowProblem(`${at}: expected an object {response, ${key}}, got ${describeValue(answer)}`);
      const value = numberOf(answer[key], `${at}.${key}`);
      const direction = key === own ? sign : lowerIsBetter(key, context) ? -1 : 1;
      return { score: direction * value, shown: `${key} ${value}` };
    });

/** openbmb/UltraFeedback: four completions to an instruction, scored by GPT-4; scored here by `overall_score` unless the user says otherwise. */
export const ultraFeedback = listFormat({
  name: 'ultrafeedback',
  summary: '{instruction, completions: [{response, overall_score, ...}]}: scored answers',
  sources: 'openbmb/UltraFeedback',
  flags: '--score fine-grained_score, or another number inside the completions',
  examples: each((instruction, good, bad) => ({
    instruction,
    completions: [
      { response: bad, overall_score: 2 },
      { response: good, overall_score: 9 },
    ],
  })),
  prompt: { names: ['instruction'], kinds: ['text'] },
  answers: { names: ['completions'], kinds: ['objects', 'blank'] },
  text: 'response',
  refuses: ([first]) =>
    first === undefined || isObjectWith(first, 'response') ? undefined : 'completions: no objects with a response',
  scores: (row, answers, where, context) => {
    answers.forEach((answer, index) => {
      if (isRow(answer) && !isText(answer['response']))
        throw new RowProblem(`${where}[${index}].response: expected text, got ${describeValue(answer['response'])}`);
    });
    return numberInside('overall_score')(row, answers, where, context);
  },
  asides: ['models', 'correct_answers', 'incorrect_answers'],
});

/** berkeley-nest/Nectar: seven answers ranked from 1 (best); the prompt is a dialogue as text. */
export const nectar = listFormat({
  name: 'nectar',
  summary: '{prompt, answers: [{answer, rank}]}: ranked answers, 1 = best',
  sources: 'berkeley-nest/Nectar',
  examples: each((question, good, bad) => ({
    prompt: `\n\nHuman: ${question}\n\nAssistant: `,
    answers: [
      { answer: bad, rank: 2 },
      { answer: good, rank: 1 },
    ],
  })),
  prompt: { names: ['prompt'], kinds: ['text'] },
  answers: { names: ['answers'], kinds: ['objects'] },
  text: 'answer',
  refuses: ([first]) => (isObjectWith(first, 'answer', 'rank') ? undefined : 'answers: no objects {answer, rank}'),
  scores: numberInside('rank', -1),
  asides: ['turns', 'num_responses', 'source', 'good_natured'],
});

/** Stack Exchange preferences: answers with pm_score, more is better. */
export const stackExchange = listFormat({
  name: 'stack-exchange',
  summary: '{question, answers: [{text, pm_score, selected}]}: by pm_score',
  sources: 'HuggingFaceH4/stack-exchange-preferences',
  examples: each((question, good, bad) => ({
    qid: 1,
    question,
    answers: [
      { answer_id: 1, pm_score: 1, selected: false, text: bad },
      { answer_id: 2, pm_score: 5, selected: true, text: good },
    ],
  })),
  prompt: { names: ['question'], kinds: ['text'] },
  answers: { names: ['answers'], kinds: ['objects'] },
  text: 'text',
  refuses: ([first]) => (isObjectWith(first, 'text', 'pm_score') ? undefined : 'answers: no objects {text, pm_score}'),
  scores: numberInside('pm_score'),
  asides: ['metadata', 'date'],
});

/** OpenAI's compared summaries: two of them and the index of the chosen one. */
export const summarizeFromFeedback = listFormat({
  name: 'summarize-from-feedback',
  scored: false,
  summary: '{info: {post}, summaries: [{text}, {text}], choice}: choice counts from 0',
  sources: 'openai/summarize_from_feedback (comparisons)',
  examples: each((post, good, bad, index) => ({
    info: { post },
    summaries: [{ text: index % 2 === 0 ? good : bad }, { text: index % 2 === 0 ? bad : good }],
    choice: index % 2,
  })),
  prompt: { names: ['info.post', 'info.article'], kinds: ['text'] },
  answers: { names: ['summaries'], kinds: ['objects'] },
  text: 'text',
  refuses: (answers) =>
    answers.length === 2 && isObjectWith(answers[0], 'text') ? undefined : 'summaries: no two objects {text}',
  scores: (row, answers) => {
    const choice = Number(row['choice'] ?? NaN);
    if (choice !== 0 && choice !== 1)
      throw new RowProblem(`choice: expected 0 or 1, got ${describeValue(row['choice'])}`);
    return answers.map((_, index) => ({
      score: index === choice ? 1 : 0,
      shown: index === choice ? `choice ${choice}` : 'the other',
    }));
  },
  asides: ['info', 'choice', 'extra', 'worker', 'batch', 'split'],
});

/** NeMo-RL: completions with ranks, the lowest is best. */
export const nemoRl = listFormat({
  name: 'nemo-rl',
  summary: '{context: messages, completions: [{rank, completion: messages}]}: the lowest rank is best',
  sources: "NVIDIA NeMo-RL's preference data",
  examples: each((question, good, bad) => ({
    context: [said('user', question)],
    completions: [
      { rank: 0, completion: [said('assistant', good)] },
      { rank: 1, completion: [said('assistant', bad)] },
    ],
  })),
  prompt: { names: ['context'], kinds: ['messages'] },
  answers: { names: ['completions'], kinds: ['objects'] },
  text: 'completion',
  refuses: ([first]) =>
    isObjectWith(first, 'completion', 'rank') ? undefined : 'completions: no objects {rank, completion}',
  scores: numberInside('rank', -1),
});

/** Gemini's preference tuning: completions with scores, the higher is better. */
export const gemini = listFormat({
  name: 'gemini',
  summary:
    '{systemInstruction?, contents: [{role, parts}], completions: [{score, completion: {role, parts}}]}: the higher score is better',
  sources: 'preference tuning of Gemini on Vertex AI',
  examples: each((question, good, bad) => {
    const turn = (role: string, text: string) => ({ role, parts: [{ text }] });
    return {
      contents: [turn('user', question)],
      completions: [
        { score: 1, completion: turn('model', good) },
        { score: 0, completion: turn('model', bad) },
      ],
    };
  }),
  prompt: { names: ['contents'], kinds: ['messages'] },
  answers: { names: ['completions'], kinds: ['objects'] },
  text: 'completion',
  refuses: ([first]) =>
    isObjectWith(first, 'completion', 'score') ? undefined : 'completions: no objects {score, completion}',
  scores: numberInside('score'),
});

/** `output` of LLaMA-Factory's Alpaca ranking stands best first: that is what the format says, where nothing else scores it. */
const alpacaList = listFormat({
  scored: false,
  name: 'alpaca-ranking',
  summary: alpacaPair.summary,
  sources: alpacaPair.sources,
  examples: alpacaPair.examples,
  prompt: { names: ['instruction'], kinds: ['text'] },
  answers: { names: ['output'], kinds: ['texts'] },
  scores: (row, answers, where, context) => {
    answers.forEach((answer, index) => {
      if (!isText(answer)) throw new RowProblem(`${where}[${index}]: expected text, got ${describeValue(answer)}`);
    });
    return answerScores(row, where, answers, context, 'bestFirst');
  },
});

/** LLaMA-Factory's ranking: a list of outputs, best first, or chosen and rejected. */
export const alpacaRanking: Format = {
  ...alpacaPair,
  match(shape, context, strict) {
    if (context.score !== undefined || context.columns.verdict !== undefined)
      return createFinder(shape, context, strict).refuse('output: stands best first, and nothing else is asked');
    const list = alpacaList.match(shape, context, strict);
    const hasList = shape.columns.some(({ name, sample }) => name === 'output' && isList(sample));
    if ('read' in list && hasList) return list;
    const pair = alpacaPair.match(shape, context, strict);
    return 'read' in pair || !hasList ? pair : list;
  },
};

/** A list of answers with scores or ranks, under many names. */
export const scoredList = listFormat({
  name: 'scored-list',
  summary:
    '{prompt, responses: [...], scores? or ratings? or rewards? or ranks?}: scored or ranked beside or inside; best first where the format is named',
  sources: 'distilabel (generations, ratings), RRHF, sampling and reward-model outputs',
  flags:
    '--score NAME for a score of another name, --lower-is-better; --format scored-list for answers that stand best first',
  examples: [
    { prompt: 'How many legs has a spider?', responses: ['Six.', 'Eight.'], scores: [0.1, 0.9] },
    { instruction: 'Which planet is the largest?', generations: ['Jupiter is.', 'It is Mars.'], ratings: [5, 1] },
    {
      query: 'What do bees make?',
      completions: [
        { text: 'Silk.', rank: 2 },
        { text: 'Honey and wax.', rank: 1 },
      ],
    },
  ],
  prompt: { names: [...PROMPT_NAMES, ...CHAT_PROMPT_NAMES], kinds: ['text', 'messages'] },
  answers: {
    names: [
      ...[
        'responses',
        'completions',
        'answers',
        'generations',
        'outputs',
        'candidates',
        'replies',
        'choices',
        'samples',
        'summaries',
      ],
      ...['all_generated_responses', 'all_responses', 'candidates_completions', 'response_list', 'response', 'output'],
    ],
    kinds: LISTS,
  },
});
