/** Answers to one prompt in a list, scored beside it or inside each. */
import { describeValue } from '../../core/describe-value.js';
import { isList, isRow, isText, type Row } from '../fields.js';
import { assistant, messagesOf, responseOf } from '../messages.js';
import type { ChatMessage } from '../pair.js';
import type { ScoredAnswer } from '../pairing.js';
import { RowProblem } from '../row-problem.js';
import { isMessageLike, columnReader, type Column, type ValueKind } from '../shape.js';
import { listIn, TEXT_KEYS, type AnswerScore } from './answer-list.js';
import { answerScores } from './answer-scores.js';
import { createFinder } from './finder.js';
import type { Format, FormatContext } from './format.js';
import type { ColumnSpec } from './pair-format.js';
import { pairsOfAnswers } from './pair-row.js';
import { createPromptReader, takePromptParts, wholePrompt } from './prompt-parts.js';

/** What tells a format with a list of answers from others. */
export interface ListDeclaration {
  readonly name: string;
  readonly summary: string;
  readonly sources: string;
  readonly examples: readonly Row[];
  readonly flags?: string;
  readonly prompt: ColumnSpec;
  readonly answers: ColumnSpec;
  /** Key of the text inside an answer. Default: text, content, response, answer, completion... whichever is there. */
  readonly text?: string;
  /** Scores of the answers of a row; default: whatever says so ({@link answerScores}). @throws RowProblem */
  readonly scores?: (row: Row, answers: readonly unknown[], where: string, context: FormatContext) => AnswerScore[];
  /** A further condition on the answers, in words where it does not hold. */
  readonly refuses?: (answers: readonly unknown[], column: Column) => string | undefined;
  readonly asides?: readonly string[];
  /** Whether the user may name the score. Default true. */
  readonly scored?: boolean;
}

const SINGULAR = new Set(['response', 'output']);
const POINTERS: readonly ValueKind[] = ['number', 'text', 'numbers', 'texts'];
/** What a list of answers may hold. */
export const LISTS: readonly ValueKind[] = ['texts', 'objects', 'conversations', 'messages'];

/** The format of a declaration. */
export function listFormat(declared: ListDeclaration): Format {
  const { name, summary, sources, examples, text } = declared;
  return {
    name,
    summary,
    sources,
    examples,
    scored: declared.scored ?? true,
    ...(declared.flags !== undefined && { flags: declared.flags }),
    match(shape, context, strict) {
      const finder = createFinder(shape, context, strict);
      const answers = finder.need('answers', ['answers', ...declared.answers.names], declared.answers.kinds);
      const asked = finder.need('prompt', ['prompt', ...declared.prompt.names], declared.prompt.kinds);
      if (answers === undefined || asked === undefined) return finder.mismatch() ?? finder.refuse('');
      // A text called response is one answer; rows of several may call it so, and then it is a list.
      if (answers.kind === 'text' && SINGULAR.has(answers.name) && listIn(answers.sample) === undefined)
        return finder.refuse(`${answers.path}: expected a list, got ${describeValue(answers.sample)}`);
      if (declared.scores === undefined) finder.take('verdict', ['verdict'], POINTERS);
      const refusal = strict ? declared.refuses?.(listIn(answers.sample) ?? [], answers) : undefined;
      if (refusal !== undefined) return finder.refuse(refusal);
      const parts = takePromptParts(finder, asked, context);
      for (const aside of declared.asides ?? []) finder.aside(aside);
      const promptOf = createPromptReader(parts, context);
      const answersAt = columnReader(answers.keys);
      const score = declared.scores ?? ((row, list, where) => answerScores(row, where, list, context));
      return {
        roles: finder.roles(),
        used: finder.used(),
        read(row) {
          const list = listIn(answersAt(row));
          if (list === undefined) throw missingList(row, answers.path, answersAt(row));
          const scores = score(row, list, answers.path, context);
          const { tools, ...prompt } = promptOf(row);
          const scored = list.map((entry, index): ScoredAnswer => {
            const { score: value, shown } = scores[index] as AnswerScore;
            return { messages: answerOf(entry, `${answers.path}[${index}]`, text, context), score: value, shown };
          });
          return pairsOfAnswers(
            {
              plain: false,
              prompt: wholePrompt({ ...prompt, tools }),
              answers: scored,
              ...(tools !== undefined && { tools }),
            },
            context,
          );
        },
      };
    },
  };
}

function missingList(row: Row, path: string, value: unknown): RowProblem {
  if (value !== undefined) return new RowProblem(`${path}: expected a list, got ${describeValue(value)}`);
  return new RowProblem(
    `${path}: missing; expected a list; the row has ${Object.keys(row).slice(0, 8).join(', ') || 'no fields'}`,
  );
}

/** An answer as text, as an object that holds one, or as messages. */
export function answerOf(
  entry: unknown,
  where: string,
  key: string | undefined,
  context: FormatContext,
): ChatMessage[] {
  if (isText(entry)) return [assistant(entry)];
  if (isList(entry)) return messagesOf(entry, where, context);
  // Its further keys are scores as a rule; whether they are read is said elsewhere.
  if (isMessageLike(entry)) return responseOf(entry, where, { messages: context.messages });
  if (!isRow(entry))
    throw new RowProblem(`${where}: expected text or an object {text, score}, got ${describeValue(entry)}`);
  const name =
    key ?? TEXT_KEYS.find((known) => isText(entry[known]) || isList(entry[known]) || isMessageLike(entry[known]));
  if (name === undefined)
    throw new RowProblem(`${where}: expected text in text, content, response or answer, got ${describeValue(entry)}`);
  const value = entry[name];
  if (isText(value)) return [assistant(value)];
  if (isList(value) || isMessageLike(value)) return responseOf(value, `${where}.${name}`, context);
  throw new RowProblem(`${where}.${name}: expected text, got ${describeValue(value)}`);
}
