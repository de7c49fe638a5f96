import { describeValue } from '../../core/describe-value.js';
import { isList, isText, type Row } from '../fields.js';
import type { PairDraft } from '../make-pair.js';
import { assistant, responseOf } from '../messages.js';
import type { ChatMessage } from '../pair.js';
import { RowProblem } from '../row-problem.js';
import { columnReader } from '../shape.js';
import { each } from './examples.js';
import { createFinder } from './finder.js';
import type { Format } from './format.js';
import { createPromptReader, takePromptParts, wholePrompt } from './prompt-parts.js';
import { CHAT_PROMPT_NAMES, PROMPT_NAMES, qualityOf, type Quality } from './vocabulary.js';

const ONE_OR_MORE = ['text', 'texts', 'conversations', 'message', 'messages'] as const;

/**
 * Several good or several bad answers to a prompt. Lists of equal length go together entry by entry, as RM-Bench writes
 * its styles; else every good answer is paired with every bad one.
 */
export const negatives: Format = {
  name: 'several-answers',
  summary:
    '{prompt, chosen: text or list, rejected: list}: every good answer with every bad one; equally long lists entry by entry',
  sources: 'THU-KEG/RM-Bench, allenai/reward-bench-2, data with several negatives',
  examples: each((prompt, good, bad) => ({ prompt, chosen: good, rejected: [bad, 'I do not know.'] })),
  match(shape, context, strict) {
    const finder = createFinder(shape, context, strict);
    const named = (quality: Quality): string[] =>
      shape.columns
        .filter(({ keys, path }) => keys.length === 1 && qualityOf(path) === quality)
        .map(({ name }) => name);
    const chosen = finder.need(
      'chosen',
      ['chosen', 'chosen_responses', 'positives', 'positive', ...named('good')],
      ONE_OR_MORE,
    );
    const rejected = finder.need(
      'rejected',
      ['rejected', 'rejected_responses', 'rejecteds', 'negatives', 'negative', ...named('bad')],
      ONE_OR_MORE,
    );
    const asked = finder.need('prompt', ['prompt', ...PROMPT_NAMES, ...CHAT_PROMPT_NAMES], ['text', 'messages']);
    if (chosen === undefined || rejected === undefined || asked === undefined)
      return finder.mismatch() ?? finder.refuse('');
    const isSeveral = ({ kind }: { kind: string }): boolean => kind === 'texts' || kind === 'conversations';
    if (strict && !isSeveral(chosen) && !isSeveral(rejected)) return finder.refuse('chosen, rejected: one answer each');
    const isWords = ({ kind }: { kind: string }): boolean => kind === 'text' || kind === 'texts';
    if (strict && isWords(chosen) !== isWords(rejected))
      return finder.refuse('chosen, rejected: one is text, the other is messages');
    const promptOf = createPromptReader(takePromptParts(finder, asked, context), context);
    const [chosenAt, rejectedAt] = [columnReader(chosen.keys), columnReader(rejected.keys)];
    return {
      roles: finder.roles(),
      used: finder.used(),
      note: 'several answers of a row are paired: lists of equal length entry by entry, else each with each',
      read(row: Row): PairDraft[] {
        const parts = promptOf(row);
        const good = answersOf(chosenAt(row), chosen.path, context);
        const bad = answersOf(rejectedAt(row), rejected.path, context);
        const draft = (one: ChatMessage[], other: ChatMessage[]): PairDraft => ({
          plain: false,
          prompt: wholePrompt(parts),
          chosen: one,
          rejected: other,
          ...(parts.tools !== undefined && { tools: parts.tools }),
        });
        if (good.length === bad.length) return good.map((one, index) => draft(one, bad[index] as ChatMessage[]));
        return good.flatMap((one) => bad.map((other) => draft(one, other)));
      },
    };
  },
};

function answersOf(value: unknown, where: string, context: Parameters<typeof responseOf>[2]): ChatMessage[][] {
  if (isText(value)) return [[assistant(value)]];
  if (!isList(value)) throw new RowProblem(`${where}: expected text or a list of answers, got ${describeValue(value)}`);
  if (value.every((entry) => isText(entry) || isList(entry)))
    return value.map((entry, index) => responseOf(entry, `${where}[${index}]`, context));
  return [responseOf(value, where, context)];
}
