import type { Row } from '../fields.js';
import { RowProblem } from '../row-problem.js';
import type { Column, RowShape } from '../shape.js';
import { each, said } from './examples.js';
import type { RowAt } from '../sources/source.js';
import { createFinder } from './finder.js';
import type { Format, FormatContext, Mismatch, Reading } from './format.js';
import { mayBePrompt, otherTexts } from './other-texts.js';
import { pairReading } from './pair-columns.js';
import { takePromptParts } from './prompt-parts.js';
import { ANSWER, CHAT, isWhole, PROMPT_NAMES } from './vocabulary.js';

/**
 * TRL's implicit-prompt format: the prompt is what chosen and rejected begin with in common. Data sets such as
 * UltraFeedback-binarized also have the prompt as text beside the two conversations; it is already inside them. Where
 * chosen and rejected are answers alone, the prompt is the `prompt` text or the `messages` beside them.
 */
export const trlImplicit: Format = {
  name: 'trl-implicit',
  summary:
    '{chosen, rejected, messages?}: whole texts or conversations, whose common beginning is the prompt, or answers to messages',
  sources: 'ultrafeedback_binarized, dpo-mix-7k, Tulu 3, Skywork, Magpie, OpenRLHF; UltraInteract with `messages`',
  examples: each((asked, good, bad) => ({
    chosen: [said('user', asked), said('assistant', good)],
    rejected: [said('user', asked), said('assistant', bad)],
  })),
  match(shape, context, strict) {
    const finder = createFinder(shape, context, strict);
    const chosen = finder.need('chosen', ['chosen'], ANSWER);
    const rejected = finder.need('rejected', ['rejected'], ANSWER);
    if (chosen === undefined || rejected === undefined) return finder.mismatch() ?? finder.refuse('');
    const texts = [chosen, rejected].every(({ kind }) => kind === 'text' || kind === 'blank');
    const messages = shape.columns.find(({ name, kind }) => name === 'messages' && kind === 'messages');
    if (texts && messages === undefined) return textMatch(shape, chosen, rejected, context, strict);
    const asked = finder.take('prompt', ['prompt'], ['text']) ?? finder.take('prompt', ['messages', 'prompt'], CHAT);
    if (strict && asked === undefined && !isWhole(chosen))
      return finder.refuse('chosen, rejected: answers, and no prompt or messages beside them');
    if (strict && texts !== [chosen, rejected].some(({ kind }) => kind === 'text'))
      return finder.refuse('chosen, rejected: one is text, the other is messages');
    const parts = takePromptParts(finder, asked, context);
    return pairReading(finder, { ...parts, chosen, rejected }, context, { plain: false });
  },
};

function textMatch(
  shape: RowShape,
  chosen: Column,
  rejected: Column,
  context: FormatContext,
  strict: boolean,
): Reading | Mismatch {
  const finder = createFinder(shape, context, strict);
  finder.use('chosen', chosen);
  finder.use('rejected', rejected);
  const beside = (test: (column: Column) => boolean): Column | undefined => finder.rest().find(test);
  if (strict && !context.named) {
    const prompt =
      context.columns.prompt ??
      beside(
        ({ name, kind }) =>
          kind === 'messages' || (PROMPT_NAMES.includes(name) && (kind === 'text' || kind === 'blank')),
      )?.path;
    if (prompt !== undefined) return finder.refuse(`${prompt}: is a prompt of its own`);
    if (shape.columns.some(({ name }) => name === 'prompt')) return finder.refuse('prompt: expected text or messages');
  }
  const parts = takePromptParts(finder, undefined, context);
  const reading = pairReading(finder, { ...parts, chosen, rejected }, context, { plain: true, implicitText: true });
  const read = (row: Row, at: RowAt) => {
    const other = context.named
      ? undefined
      : otherTexts(row)
          .filter((name) => !context.ignore.includes(name))
          .find(mayBePrompt);
    if (other !== undefined) {
      throw new RowProblem(
        `${other}: may be the prompt (--columns prompt=${other}); if the prompt stands in chosen and rejected, name the format (--format trl-implicit)`,
      );
    }
    return reading.read(row, at);
  };
  return { ...reading, guesses: true, note: 'the prompt is the common beginning of chosen and rejected', read };
}
