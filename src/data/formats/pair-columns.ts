/** A prompt, a good and a bad answer in columns of a row: the reading that most formats share. */
import { describeValue } from '../../core/describe-value.js';
import { commonTextLength, splitMessages } from '../common-prefix.js';
import { isText, type Row } from '../fields.js';
import type { PairDraft } from '../make-pair.js';
import { assistant, responseOf, user, withSystem } from '../messages.js';
import type { ChatMessage } from '../pair.js';
import { RowProblem } from '../row-problem.js';
import { columnReader, type Column, type ValueKind } from '../shape.js';
import { looksLikeTranscript, markedTurns, speakerTurns, withoutEndMark } from '../turns.js';
import { createScoreCheck } from './score-check.js';
import type { Finder } from './finder.js';
import type { FormatContext, Reading } from './format.js';
import { createPromptReader, wholePrompt, type PromptColumns, type PromptParts } from './prompt-parts.js';

/** The columns of a format that names the better answer. */
export interface PairColumns extends PromptColumns {
  readonly chosen: Column;
  readonly rejected: Column;
}

/** How the values of these columns are taken. */
export interface PairManner {
  /** Text is used as it is, without a chat template. */
  readonly plain: boolean;
  /** Where there is no prompt, take it from the common beginning of two texts. */
  readonly implicitText?: boolean;
  /** Two numbers of the row say which answer is better, and must agree with where the answers stand. Default true. */
  readonly checkScores?: boolean;
  /** What a prompt and answers may be; default: text or messages. */
  readonly promptKinds?: readonly ValueKind[] | undefined;
  readonly answerKinds?: readonly ValueKind[] | undefined;
}

/** The reading of a pair whose columns are found. */
export function pairReading(finder: Finder, columns: PairColumns, context: FormatContext, manner: PairManner): Reading {
  const check = manner.checkScores === false ? undefined : createScoreCheck(finder, context);
  const readPair = createPairReader(columns, context, manner);
  return {
    roles: finder.roles(),
    used: finder.used(),
    read: (row) => {
      const decided = check?.(row);
      const drafts = readPair(row);
      return decided === undefined ? drafts : drafts.map((draft) => ({ ...draft, decided }));
    },
  };
}

/** Reads one row. @throws RowProblem (from the reader) for a row that gives no pair. */
export function createPairReader(
  columns: PairColumns,
  context: FormatContext,
  manner: PairManner,
): (row: Row) => PairDraft[] {
  const [chosenAt, rejectedAt] = [columnReader(columns.chosen.keys), columnReader(columns.rejected.keys)];
  const names = { chosen: columns.chosen.path, rejected: columns.rejected.path };
  const promptOf = createPromptReader(columns, context, {
    turns: manner.plain ? (context.named ? 'none' : 'dialogue') : 'all',
    kinds: manner.promptKinds,
  });
  return (row) => {
    const sides = { chosen: chosenAt(row), rejected: rejectedAt(row) };
    const parts = promptOf(row);
    requireSides(row, sides, names, manner.answerKinds);
    const draft = pairDraft(sides, names, parts, columns.prompt !== undefined, context, manner);
    return [parts.tools === undefined ? draft : { ...draft, tools: parts.tools }];
  };
}

interface Sides<T> {
  readonly chosen: T;
  readonly rejected: T;
}

function requireSides(row: Row, sides: Sides<unknown>, names: Sides<string>, kinds: PairManner['answerKinds']): void {
  const textOnly = kinds !== undefined && kinds.every((kind) => kind === 'text');
  for (const side of ['chosen', 'rejected'] as const) {
    if (sides[side] !== undefined) {
      if (!textOnly || isText(sides[side])) continue;
      throw new RowProblem(`${names[side]}: expected text, got ${describeValue(sides[side])}`);
    }
    const present = Object.keys(row).slice(0, 8).join(', ') || 'no fields';
    throw new RowProblem(`${names[side]}: missing; expected text; the row has ${present}`);
  }
}

function pairDraft(
  sides: Sides<unknown>,
  names: Sides<string>,
  parts: PromptParts,
  hasPrompt: boolean,
  context: FormatContext,
  manner: PairManner,
): PairDraft {
  const { chosen, rejected } = sides;
  if (isText(chosen) && isText(rejected)) {
    if (!hasPrompt && parts.asked.length === 0) return implicitPair({ chosen, rejected }, parts, context, manner);
    return textPair({ chosen, rejected }, parts, context, manner);
  }
  return chatPair(
    { chosen: responseOf(chosen, names.chosen, context), rejected: responseOf(rejected, names.rejected, context) },
    names,
    parts,
    context,
  );
}

/** Two texts that answer a prompt. */
function textPair(answers: Sides<string>, parts: PromptParts, context: FormatContext, manner: PairManner): PairDraft {
  const prompt = wholePrompt(parts);
  if (parts.marks !== undefined) return { plain: false, prompt, ...answersAfterMarks(answers, parts.marks, context) };
  // One text and nothing that needs a template: it can be used as it is.
  const plain = manner.plain && parts.system === '' && prompt.length === 1 && parts.tools === undefined;
  const asked = withoutOwnAnswer(prompt, [assistant(answers.chosen)]);
  const bare = withoutPrompt(answers, parts.asked.at(-1)?.content ?? '', context);
  return { plain, prompt: asked, chosen: [assistant(bare.chosen)], rejected: [assistant(bare.rejected)] };
}

/** Answers to a dialogue whose turns were marked; marks inside them are turns too. */
function answersAfterMarks(
  { chosen, rejected }: Sides<string>,
  marks: string,
  context: FormatContext,
): Sides<readonly ChatMessage[]> {
  const turns = (answer: string): ChatMessage[] => {
    if (marks !== 'Human:/Assistant:') return [assistant(withoutEndMark(answer).trim())];
    return [...(speakerTurns(`Assistant: ${answer.trim()}`)?.turns ?? [])];
  };
  return { chosen: upToLastAnswer(turns(chosen), context), rejected: upToLastAnswer(turns(rejected), context) };
}

/** Answers that both begin with the prompt, without it. */
function withoutPrompt(answers: Sides<string>, prompt: string, context: FormatContext): Sides<string> {
  const begins = (text: string): boolean => text.startsWith(prompt) && text.length > prompt.length;
  if (prompt.trim().length < 2 || !begins(answers.chosen) || !begins(answers.rejected)) return answers;
  context.tally.add('prompt repeated in the answers', '');
  return { chosen: answers.chosen.slice(prompt.length), rejected: answers.rejected.slice(prompt.length) };
}

/** Two texts without a prompt: whole dialogues, or whole texts whose common beginning is the prompt. */
function implicitPair(texts: Sides<string>, parts: PromptParts, context: FormatContext, manner: PairManner): PairDraft {
  const asTurns =
    !(manner.implicitText === true && context.named) &&
    looksLikeTranscript(texts.chosen) &&
    looksLikeTranscript(texts.rejected);
  if (asTurns || manner.implicitText !== true) return transcriptPair(texts, parts, context);
  if (parts.system !== '') {
    throw new RowProblem(
      'system: has no place before whole texts; put the prompt into a column of its own, or the system text into both texts',
    );
  }
  const length = commonTextLength(texts.chosen, texts.rejected);
  return {
    plain: true,
    promptKey: wholeWords(texts.chosen, length) || undefined,
    prompt: [user(texts.chosen.slice(0, length))],
    chosen: [assistant(texts.chosen.slice(length))],
    rejected: [assistant(texts.rejected.slice(length))],
  };
}

function transcriptPair(texts: Sides<string>, parts: PromptParts, context: FormatContext): PairDraft {
  const turnsOf = (name: keyof Sides<string>): readonly ChatMessage[] => {
    const marked = markedTurns(texts[name]);
    if (marked === undefined) throw new RowProblem(`${name}: expected a dialogue that begins with "Human:"`);
    context.tally.add('marks turned into turns', marked.marks);
    return marked.turns;
  };
  const { prompt, ...answers } = splitMessages(turnsOf('chosen'), turnsOf('rejected'));
  return {
    plain: false,
    prompt: prompt.length === 0 ? prompt : withSystem(parts.system, prompt),
    chosen: upToLastAnswer(answers.chosen, context),
    rejected: upToLastAnswer(answers.rejected, context),
  };
}

/** The common beginning ends inside a word where the answers begin alike; the question in front of it is the same. */
function wholeWords(text: string, length: number): string {
  const beginning = text.slice(0, length);
  return (/^\s/.test(text.slice(length)) ? beginning : beginning.replace(/\S*$/, '')).trimEnd();
}

/** Two lists of messages: whole conversations, or answers to a prompt beside them, or one of each. */
function chatPair(
  sides: Sides<ChatMessage[]>,
  names: Sides<string>,
  parts: PromptParts,
  context: FormatContext,
): PairDraft {
  const asked = wholePrompt(parts);
  const { chosen, rejected } = sides;
  // By far the most frequent: a prompt, and two answers alone.
  if (
    asked[0] !== undefined &&
    asked[0].role !== 'assistant' &&
    chosen[0]?.role === 'assistant' &&
    rejected[0]?.role === 'assistant'
  )
    return chatDraft(withoutOwnAnswer(asked, chosen), chosen, rejected, context);
  const [askedInChosen, askedInRejected] = [chosen, rejected].map(
    (turns) =>
      turns[0]?.role !== 'assistant' && ['user', 'assistant'].every((role) => turns.some((turn) => turn.role === role)),
  );
  // One whole conversation, and another answer to it: the prompt is all before its last answer.
  if (askedInChosen === true && askedInRejected === false)
    return oneConversation(chosen, rejected, parts.system, (prompt, own) => chatDraft(prompt, own, rejected, context));
  if (askedInChosen === false && askedInRejected === true)
    return oneConversation(rejected, chosen, parts.system, (prompt, own) => chatDraft(prompt, chosen, own, context));
  const split = splitMessages(withSystem(parts.system, chosen), withSystem(parts.system, rejected));
  if (parts.asked.length === 0 || split.prompt.some(({ role }) => role === 'user')) {
    requireSamePrompt(parts, split.prompt, names);
    return chatDraft(split.prompt, split.chosen, split.rejected, context);
  }
  // No question in what they share: they are answers, with at most a system text in front that belongs to the prompt.
  const [first] = split.prompt;
  const systemTurns = first?.role === 'system' ? 1 : 0;
  const answers = {
    chosen: withSystem(parts.system, chosen).slice(systemTurns),
    rejected: withSystem(parts.system, rejected).slice(systemTurns),
  };
  const prompt = withSystem(systemTurns === 0 ? '' : (first?.content ?? ''), parts.asked);
  return chatDraft(withoutOwnAnswer(prompt, answers.chosen), answers.chosen, answers.rejected, context);
}

function chatDraft(
  prompt: readonly ChatMessage[],
  good: readonly ChatMessage[],
  bad: readonly ChatMessage[],
  context: FormatContext,
): PairDraft {
  return {
    plain: false,
    prompt,
    chosen: upToLastAnswer(good, context),
    rejected: upToLastAnswer(bad, context),
  };
}

/** A prompt beside two whole conversations has to be in them, or nobody knows which of the two was meant. */
function requireSamePrompt(parts: PromptParts, prompt: readonly ChatMessage[], names: Sides<string>): void {
  const missing = parts.asked.find(
    ({ content, role }) =>
      role !== 'assistant' && content.trim() !== '' && !prompt.some((turn) => turn.content.includes(content.trim())),
  );
  if (missing === undefined) return;
  throw new RowProblem(
    `the prompt beside ${names.chosen} and ${names.rejected} is not in what they begin with: ${describeValue(missing.content)}; leave its column out if the conversations are right (--ignore)`,
  );
}

function oneConversation(
  whole: readonly ChatMessage[],
  other: readonly ChatMessage[],
  system: string,
  draft: (prompt: readonly ChatMessage[], own: readonly ChatMessage[]) => PairDraft,
): PairDraft {
  const kept = withoutLastAsking(withSystem(system, whole));
  let end = kept.length;
  // As many turns as the other answer has, so that an answer with tool calls stays whole.
  const turns = Math.max(1, other.length);
  while (end > 0 && kept.length - end < turns && kept[end - 1]?.role !== 'user') end--;
  return draft(kept.slice(0, end), kept.slice(end));
}

/** A prompt that ends with the chosen answer itself, without it. */
function withoutOwnAnswer(prompt: readonly ChatMessage[], chosen: readonly ChatMessage[]): readonly ChatMessage[] {
  if (prompt.at(-1)?.role !== 'assistant' || chosen.length === 0) return prompt;
  const own = prompt.slice(-chosen.length);
  const same =
    own.length === chosen.length &&
    own.every(({ role, content }, index) => role === chosen[index]?.role && content === chosen[index].content);
  return same ? prompt.slice(0, -chosen.length) : prompt;
}

function upToLastAnswer(turns: readonly ChatMessage[], context: FormatContext): readonly ChatMessage[] {
  if (turns.at(-1)?.role !== 'user') return turns;
  const kept = withoutLastAsking(turns);
  if (kept.length < turns.length) context.tally.add('turns after the last answer', '');
  return kept;
}

/** Turns up to the last one that is not the user's: what comes after it answers nothing. */
function withoutLastAsking(turns: readonly ChatMessage[]): ChatMessage[] {
  let end = turns.length;
  while (end > 0 && turns[end - 1]?.role === 'user') end--;
  return end === 0 ? [...turns] : turns.slice(0, end);
}
