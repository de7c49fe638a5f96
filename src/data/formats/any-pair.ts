import { isFilled, type Column, type RowShape } from '../shape.js';
import { each } from './examples.js';
import { plainName } from '../names.js';
import { TEXT_KEYS } from './answer-list.js';
import { answerPairs } from './any-ab.js';
import { createFinder, type Finder } from './finder.js';
import type { Format, FormatContext } from './format.js';
import { pairReading } from './pair-columns.js';
import { takePromptParts } from './prompt-parts.js';
import { ANSWER, CHAT_PROMPT_NAMES, isWhole, PROMPT_NAMES, qualityOf, type Quality } from './vocabulary.js';

/**
 * A prompt with a good and a bad answer whose columns say so in some other words: `preferred` and `dispreferred`,
 * `Better answer` and `Worse answer`, `response_j` and `response_k`, `response` and `rejected_response`.
 */
export const anyPair: Format = {
  name: 'pair',
  summary:
    '{prompt (or another word for it), a column for the better and one for the worse answer}: for the chat template',
  sources:
    'stack-exchange-paired, Code-Preference-Pairs, When2Call, NeMo-Aligner, openpo, processed-hh-rlhf, spreadsheets',
  examples: each((asked, good, bad) => ({ 'User prompt': asked, 'Better answer': good, 'Worse answer': bad })),
  flags: '--columns prompt=...,chosen=...,rejected=... for names that are not recognised',
  match(shape, context, strict) {
    const finder = createFinder(shape, context, strict);
    const names = { good: namesOf(shape, 'good'), bad: namesOf(shape, 'bad') };
    const rejected = finder.need('rejected', ['rejected', ...names.bad], ANSWER);
    const chosen =
      finder.take('chosen', ['chosen', ...names.good], ANSWER) ??
      finder.need('chosen', ['chosen', ...(rejected === undefined ? [] : answerBeside(rejected))], ANSWER);
    if (chosen === undefined || rejected === undefined) return finder.mismatch() ?? finder.refuse('');
    const refusal = strict ? doubt(shape, chosen, rejected, context) : undefined;
    if (refusal !== undefined) return finder.refuse(refusal);
    const asked = takePrompt(finder, chosen);
    if (asked === undefined && !isWhole(chosen) && !isWhole(rejected))
      return finder.refuse('prompt: missing; expected text or a list of messages');
    const parts = takePromptParts(finder, asked, context);
    return pairReading(finder, { ...parts, chosen, rejected }, context, { plain: false });
  },
};

/** Under the names that prompts have, at the top or beside the answers in an object; else the only list of messages. */
function takePrompt(finder: Finder, chosen: Column): Column | undefined {
  const inside = chosen.keys.length < 2 ? [] : PROMPT_NAMES.map((name) => `${plainName(chosen.keys[0] ?? '')}.${name}`);
  const asked =
    finder.take('prompt', ['prompt', ...PROMPT_NAMES, ...inside], ['text']) ??
    finder.take('prompt', CHAT_PROMPT_NAMES, ['messages', 'message']) ??
    onlyConversation(finder.rest());
  if (asked !== undefined && finder.roles()['prompt'] === undefined) finder.use('prompt', asked);
  return asked;
}

/** What speaks against the two being the answers, in words. */
function doubt(shape: RowShape, chosen: Column, rejected: Column, { columns }: FormatContext): string | undefined {
  for (const [own, quality, role] of [
    [chosen, 'good', 'chosen'],
    [rejected, 'bad', 'rejected'],
  ] as const) {
    const others = rivals(shape, quality, own);
    if (others.length > 0 && columns[role] === undefined)
      return `${own.path} and ${others.join(', ')}: may each be the ${quality} answer`;
  }
  if (columns.chosen !== undefined || columns.rejected !== undefined) return undefined;
  const others = shape.columns.filter((column) => column !== chosen && column !== rejected);
  const [pair] = answerPairs({ ...shape, columns: others });
  if (pair === undefined || !isName(chosen) || !isName(rejected)) return undefined;
  return `${chosen.path}, ${rejected.path}: may only name answers such as ${pair.a.path} and ${pair.b.path}`;
}

/** Short enough to be the name of an answer. */
const isName = ({ sample }: Column): boolean => typeof sample === 'string' && sample.length < 40;

/** Whether a column is called the good or bad answer: at the top, or inside an object (`answers.chosen`, `chosen.text`). */
function isOfQuality({ keys }: Column, quality: Quality): boolean {
  const [first = '', second, third] = keys;
  if (third !== undefined) return false;
  if (second === undefined) return qualityOf(first) === quality;
  if (qualityOf(first) === quality) return TEXT_KEYS.includes(second);
  return qualityOf(first) === undefined && qualityOf(second) === quality;
}

const namesOf = (shape: RowShape, quality: Quality): string[] =>
  shape.columns.filter((column) => isOfQuality(column, quality)).map(({ name }) => name);

/** Further filled columns of the same quality that do not hold the same. */
const rivals = (shape: RowShape, quality: Quality, own: Column): string[] =>
  own.name === 'chosen' || own.name === 'rejected'
    ? []
    : shape.columns
        .filter((column) => column.path !== own.path && isFilled(column) && isOfQuality(column, quality))
        .filter(({ kind, sample }) => ANSWER.includes(kind) && sample !== own.sample)
        .map(({ path }) => path);

/** `response` beside `rejected_response`. */
function answerBeside(rejected: Column): string[] {
  const words = rejected.name.split('_').filter((word) => word !== 'rejected' && word !== 'reject');
  return words.length === 1 ? words : ['response', 'answer', 'completion', 'output'];
}

/** The one list of messages that nothing else is known of. */
function onlyConversation(columns: readonly Column[]): Column | undefined {
  const lists = columns.filter(({ kind, keys }) => kind === 'messages' && keys.length === 1);
  return lists.length === 1 ? lists[0] : undefined;
}
