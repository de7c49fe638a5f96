import { isFilled, type Column, type RowShape } from '../shape.js';
import { each } from './examples.js';
import { createFinder } from './finder.js';
import type { Format } from './format.js';
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
    const several = (['good', 'bad'] as const).find(
      (quality) => rivals(shape, quality, quality === 'good' ? chosen : rejected).length > 0,
    );
    if (strict && several !== undefined && context.columns[several === 'good' ? 'chosen' : 'rejected'] === undefined) {
      const own = several === 'good' ? chosen : rejected;
      return finder.refuse(
        `${own.path} and ${rivals(shape, several, own).join(', ')}: may each be the ${several} answer`,
      );
    }
    const asked =
      finder.take('prompt', ['prompt', ...PROMPT_NAMES], ['text']) ??
      finder.take('prompt', CHAT_PROMPT_NAMES, ['messages', 'message']) ??
      onlyConversation(finder.rest());
    if (asked !== undefined && finder.roles()['prompt'] === undefined) finder.use('prompt', asked);
    if (asked === undefined && !isWhole(chosen) && !isWhole(rejected))
      return finder.refuse('prompt: missing; expected text or a list of messages');
    const parts = takePromptParts(finder, asked, context);
    return pairReading(finder, { ...parts, chosen, rejected }, context, { plain: false });
  },
};

const namesOf = (shape: RowShape, quality: Quality): string[] =>
  shape.columns
    .filter((column) => column.keys.length === 1 && qualityOf(column.path) === quality)
    .map(({ name }) => name);

/** Further filled columns of the same quality that do not hold the same. */
const rivals = (shape: RowShape, quality: Quality, own: Column): string[] =>
  own.name === 'chosen' || own.name === 'rejected'
    ? []
    : shape.columns
        .filter(
          (column) =>
            column.keys.length === 1 &&
            column.path !== own.path &&
            isFilled(column) &&
            qualityOf(column.path) === quality,
        )
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
