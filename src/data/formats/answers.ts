/** Formats whose rows hold one answer each; the answers to a prompt are gathered over the whole file and then paired. */
import { describeValue } from '../../core/describe-value.js';
import type { JsonValue } from '../../core/json.js';
import { isText, numberOf, type Row } from '../fields.js';
import { wordsOf } from '../names.js';
import { RowProblem } from '../row-problem.js';
import { isFilled, columnReader, type Column, type RowShape, type ValueKind } from '../shape.js';
import { directionOf, isRank } from '../verdict/direction.js';
import { goodnessOf, saysGoodness } from '../verdict/goodness.js';
import { lowerIsBetter } from './answer-scores.js';
import { each } from './examples.js';
import { createFinder, type Finder } from './finder.js';
import type { Format, FormatContext, Mismatch, Reading } from './format.js';
import { answerOf } from './list-format.js';
import type { ChatMessage } from '../pair.js';
import { createPromptReader, takePromptParts, wholePrompt } from './prompt-parts.js';
import { ANSWER, CHAT_PROMPT_NAMES, PROMPT_NAMES } from './vocabulary.js';

const GATHERED =
  "answers are gathered by prompt over the whole file, then paired; line numbers are those of a prompt's first answer";

/** How good the answer of a row is. @throws RowProblem */
type Goodness = (row: Row) => { readonly score: number; readonly shown: string };

/** Reads rows of a prompt, one answer and how good it is, for answers to be gathered by prompt. */
export function answerReading(
  finder: Finder,
  asked: Column,
  answer: Column,
  goodness: Goodness,
  context: FormatContext,
): Reading {
  const promptOf = createPromptReader(takePromptParts(finder, asked, context), context);
  const answerAt = columnReader(answer.keys);
  return gathering(finder, context, (row) => {
    const { tools, ...prompt } = promptOf(row);
    return {
      prompt: wholePrompt({ ...prompt, tools }),
      messages: answerOf(answerAt(row), answer.path, undefined, context),
      tools,
      ...goodness(row),
    };
  });
}

function gathering(
  finder: Finder,
  context: FormatContext,
  answerOfRow: (row: Row) => {
    prompt: readonly ChatMessage[];
    messages: ChatMessage[];
    score: number;
    shown: string;
    tools: readonly JsonValue[] | undefined;
  },
): Reading {
  return {
    roles: finder.roles(),
    used: finder.used(),
    note: GATHERED,
    read(row, at) {
      const { tools, ...answer } = answerOfRow(row);
      context.gathered.answer({ ...answer, ...(tools !== undefined && { tools }) }, at);
      return [];
    },
  };
}

const RATINGS = ['helpfulness', 'correctness', 'coherence', 'complexity', 'verbosity'];

/**
 * nvidia/HelpSteer: one answer per row with ratings from 0 to 4; the answers to a prompt are gathered and paired.
 * By helpfulness, ties broken by the mean of the other ratings; or by the one rating that was asked for.
 */
export const helpSteer: Format = {
  name: 'helpsteer',
  gathers: true,
  scored: true,
  summary: '{prompt, response, helpfulness, correctness, ...}: one scored answer per row, gathered by prompt',
  sources: 'nvidia/HelpSteer, nvidia/HelpSteer2',
  flags: '--score correctness, or another of the ratings',
  examples: [
    {
      prompt: 'What do bees make?',
      response: 'Silk.',
      helpfulness: 1,
      correctness: 0,
      coherence: 4,
      complexity: 1,
      verbosity: 1,
    },
    {
      prompt: 'What do bees make?',
      response: 'Honey and wax.',
      helpfulness: 4,
      correctness: 4,
      coherence: 4,
      complexity: 1,
      verbosity: 1,
    },
    {
      prompt: 'What do bees make?',
      response: 'Honey.',
      helpfulness: 3,
      correctness: 4,
      coherence: 4,
      complexity: 1,
      verbosity: 1,
    },
  ],
  match(shape, context, strict) {
    const finder = createFinder(shape, context, strict);
    const asked = finder.need('prompt', ['prompt'], ['text', 'messages']);
    const answer = finder.need('answer', ['response', 'answer'], ['text']);
    const rating = shape.columns.find(({ name }) => name === 'helpfulness');
    if (rating === undefined || (strict && !saysGoodness(rating.sample)))
      finder.refuse('helpfulness: missing; expected a number');
    if (finder.mismatch() !== undefined || asked === undefined || answer === undefined)
      return finder.mismatch() ?? finder.refuse('');
    const { score } = context;
    return answerReading(
      finder,
      asked,
      answer,
      (row) => {
        if (score === undefined) return { score: helpfulness(row), shown: `helpfulness ${String(row['helpfulness'])}` };
        return {
          score: (lowerIsBetter(score, context) ? -1 : 1) * numberOf(row[score], score),
          shown: `${score} ${String(row[score])}`,
        };
      },
      context,
    );
  },
};

/** Helpfulness with a fraction that only decides ties: ratings are whole numbers up to 4. */
function helpfulness(row: Row): number {
  const others = RATINGS.slice(1).filter((name) => row[name] !== undefined && row[name] !== null);
  const mean = others.reduce((sum, name) => sum + numberOf(row[name], name), 0) / Math.max(1, others.length);
  return numberOf(row['helpfulness'], 'helpfulness') + mean / 100;
}

const ANSWER_NAMES = [
  'completion',
  'response',
  'answer',
  'output',
  'generation',
  'reply',
  'text',
  'generated_text',
  'model_response',
];
/** Columns that say yes or no to an answer. */
const LABEL_NAMES = [
  'label',
  'kto_tag',
  'feedback',
  'thumbs',
  'thumb',
  'is_preferred',
  'preferred',
  'chosen',
  'accepted',
  'liked',
  'is_good',
  'is_chosen',
];
const SCALAR: readonly ValueKind[] = ['number', 'boolean', 'text'];

/** One answer per row and how good it is: as label (KTO, thumbs) or as score. */
export const scoredAnswer: Format = {
  name: 'scored-answer',
  gathers: true,
  scored: true,
  summary: '{prompt, completion, label or score} or {messages, label or score}: one answer per row, gathered by prompt',
  sources:
    "TRL's unpaired (KTO) format, LLaMA-Factory's kto_tag, ms-swift's label, thumbs of chat logs, reward-model rows",
  flags: '--columns prompt=...,answer=... --score NAME, --lower-is-better',
  examples: [
    { prompt: 'What do bees make?', completion: 'Silk.', label: false },
    { prompt: 'What do bees make?', completion: 'Honey and wax.', label: true },
    { prompt: 'How many legs has a spider?', completion: 'Eight.', label: true },
  ],
  match(shape, context, strict) {
    const finder = createFinder(shape, context, strict);
    const measure = takeMeasure(finder, shape, context);
    if (measure === undefined || 'mismatch' in measure)
      return measure ?? finder.refuse('label or score: missing; expected a column that says how good the answer is');
    const answer = finder.take('answer', ['answer', ...ANSWER_NAMES], ANSWER);
    if (answer === undefined) return conversationMatch(finder, measure, context);
    const asked =
      finder.take('prompt', ['prompt', ...PROMPT_NAMES], ['text']) ??
      finder.need('prompt', ['prompt', ...CHAT_PROMPT_NAMES], ['text', 'messages']);
    if (asked === undefined) return finder.mismatch() ?? finder.refuse('');
    return answerReading(finder, asked, answer, measure.of, context);
  },
};

/** A conversation whose last turn is the answer. */
function conversationMatch(finder: Finder, measure: Measure, context: FormatContext): Reading | Mismatch {
  const whole = finder.need('prompt', ['prompt', ...CHAT_PROMPT_NAMES], ['messages']);
  if (whole === undefined) return finder.mismatch() ?? finder.refuse('');
  if (whole.kind !== 'messages')
    return finder.refuse(`${whole.path}: expected a conversation, or a completion beside it`);
  const promptOf = createPromptReader(takePromptParts(finder, whole, context), context);
  return gathering(finder, context, (row) => {
    const { tools, ...prompt } = promptOf(row);
    const turns = wholePrompt({ ...prompt, tools });
    const end = turns.findLastIndex(({ role }) => role === 'user' || role === 'tool');
    if (end < 0 || end === turns.length - 1)
      throw new RowProblem(`${whole.path}: expected a conversation that ends with an answer`);
    return { prompt: turns.slice(0, end + 1), messages: turns.slice(end + 1), tools, ...measure.of(row) };
  });
}

interface Measure {
  readonly of: Goodness;
}

function takeMeasure(finder: Finder, shape: RowShape, context: FormatContext): Measure | Mismatch | undefined {
  const column = measureColumn(shape, context, finder);
  if (column === undefined || 'mismatch' in column) return column;
  finder.use('score', column);
  const at = columnReader(column.keys);
  return {
    of: (row) => {
      const value = at(row);
      if (isText(value) && value.trim() === '')
        throw new RowProblem(`${column.path}: expected a number, got ${describeValue(value)}`);
      const sign = lowerIsBetter(column.path, context) ? -1 : 1;
      return { score: sign * goodnessOf(value, column.path), shown: `${column.path} ${String(value)}` };
    },
  };
}

function measureColumn(shape: RowShape, { score }: FormatContext, finder: Finder): Column | Mismatch | undefined {
  const scalars = shape.columns.filter(
    (column) => SCALAR.includes(column.kind) && isFilled(column) && saysGoodness(column.sample),
  );
  if (score !== undefined) {
    const named =
      scalars.find(({ path }) => path === score) ?? scalars.find(({ name }) => name === wordsOf(score).join('_'));
    return named ?? finder.refuse(`${score}: missing; expected a number, true or false, or a word like good or bad`);
  }
  const labels = scalars.filter(
    ({ name, kind }) => LABEL_NAMES.includes(name) && (kind !== 'number' || [0, 1].includes(Number(shape.row[name]))),
  );
  const scores = scalars.filter(
    ({ path, keys, kind }) =>
      keys.length === 1 && kind !== 'boolean' && (directionOf(path) === 'higher' || isRank(path)),
  );
  const [first, second] = [...labels, ...scores];
  const lower = scalars.find(
    ({ path, keys, kind }) => keys.length === 1 && kind === 'number' && directionOf(path) === 'lower',
  );
  if (first === undefined && lower !== undefined)
    return finder.refuse(
      `${lower.path}: may score the answer; name it if it does (--score ${lower.path} --lower-is-better if less is better)`,
    );
  if (second === undefined) return first;
  return finder.refuse(
    `${first?.path} and ${second.path} both score the answer; name the one that counts (--score ${first?.path})`,
  );
}

/** Feedback Collection: one graded answer a row, gathered by its prompt. */
export const feedbackCollection: Format = {
  name: 'feedback-collection',
  gathers: true,
  summary:
    '{orig_instruction, orig_response, orig_score}: one graded answer per row beside the prompt of a judge, gathered by prompt',
  sources: 'prometheus-eval/Feedback-Collection',
  examples: [
    {
      instruction: '###Task Description: ...',
      orig_instruction: 'What do bees make?',
      orig_response: 'Silk.',
      orig_score: '1',
    },
    {
      instruction: '###Task Description: ...',
      orig_instruction: 'What do bees make?',
      orig_response: 'Honey and wax.',
      orig_score: '5',
    },
    {
      instruction: '###Task Description: ...',
      orig_instruction: 'What do bees make?',
      orig_response: 'Honey.',
      orig_score: '4',
    },
  ],
  match(shape, context, strict) {
    const finder = createFinder(shape, context, strict);
    const asked = finder.need('prompt', ['orig_instruction', 'prompt'], ['text']);
    const answer = finder.need('answer', ['orig_response', 'answer'], ['text']);
    const score = finder.aside('orig_score');
    if (score === undefined) finder.refuse('orig_score: missing');
    if (asked === undefined || answer === undefined || score === undefined)
      return finder.mismatch() ?? finder.refuse('');
    for (const aside of [
      'instruction',
      'input',
      'output',
      'messages',
      'orig_criteria',
      'orig_feedback',
      'orig_reference_answer',
    ])
      finder.aside(aside);
    const at = columnReader(score.keys);
    return answerReading(
      finder,
      asked,
      answer,
      (row) => ({ score: numberOf(at(row), score.path), shown: `${score.path} ${String(at(row))}` }),
      context,
    );
  },
};

/** OpenAI's graded summaries: one a row, gathered by the post. */
export const summaryAxis: Format = {
  name: 'summarize-axis',
  gathers: true,
  summary: '{info: {post}, summary: {text, axes: {overall}}}: one graded summary per row, gathered by post',
  sources: 'openai/summarize_from_feedback (axis)',
  examples: each((text, _good, _bad, index) => ({
    info: { post: 'A long story about a spider.' },
    summary: { text, axes: { overall: 2 * index + 1 } },
  })),
  match(shape, context, strict) {
    const finder = createFinder(shape, context, strict);
    const asked = finder.need('prompt', ['info.post', 'info.article', 'prompt'], ['text']);
    const answer = finder.need('answer', ['summary.text', 'answer'], ['text']);
    const score = finder.aside('summary.axes.overall');
    if (score === undefined) finder.refuse('summary.axes.overall: missing');
    if (asked === undefined || answer === undefined || score === undefined)
      return finder.mismatch() ?? finder.refuse('');
    for (const aside of ['info', 'summary']) finder.aside(aside);
    const at = columnReader(score.keys);
    return answerReading(
      finder,
      asked,
      answer,
      (row) => ({ score: numberOf(at(row), score.path), shown: `overall ${String(at(row))}` }),
      context,
    );
  },
};
