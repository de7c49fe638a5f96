/** The prompt of a row from its parts: system text, earlier turns, the question, and what it is asked about. */
import { describeValue } from '../../core/describe-value.js';
import type { JsonValue } from '../../core/json.js';
import { isList, isRow, isText, type Row } from '../fields.js';
import { assistant, contentOf, jsonOf, messagesOf, user, withSystem } from '../messages.js';
import type { ChatMessage } from '../pair.js';
import { RowProblem } from '../row-problem.js';
import { isMessageLike, columnReader, type Column, type ValueKind } from '../shape.js';
import { markedTurns, renderedMark } from '../turns.js';
import type { Finder } from './finder.js';
import type { FormatContext } from './format.js';
import { HISTORY_NAMES, SYSTEM_NAMES } from './vocabulary.js';

/** The columns that a prompt is made of; undefined where a row has none. */
export interface PromptColumns {
  readonly prompt: Column | undefined;
  readonly system: Column | undefined;
  readonly history: Column | undefined;
  /** Text that the prompt speaks of; it follows on a line of its own. */
  readonly input: Column | undefined;
  readonly tools: Column | undefined;
}

/** What stands beside a prompt, whatever the format. */
export function takePromptParts(finder: Finder, prompt: Column | undefined, context: FormatContext): PromptColumns {
  const system = finder.take('system', ['system', ...SYSTEM_NAMES], ['text', 'message', 'messages', 'objects']);
  const history =
    prompt === undefined ? undefined : finder.take('history', HISTORY_NAMES, ['lists', 'messages', 'objects', 'blank']);
  const input = takeInput(finder, prompt, context);
  const tools = finder.take('tools', ['tools', 'functions', 'input.tools'], ['objects', 'texts', 'text', 'object']);
  return { prompt, system, history, input, tools };
}

/** Alpaca's `input`, and Dolly's `context`: the text that an instruction is about. */
function takeInput(finder: Finder, prompt: Column | undefined, context: FormatContext): Column | undefined {
  if (context.columns.input !== undefined) return finder.take('input', ['input'], ['text', 'texts', 'objects']);
  if (prompt === undefined || context.columns.prompt !== undefined) return undefined;
  if (prompt.kind !== 'text' && prompt.kind !== 'blank') return undefined;
  const names =
    prompt.name === 'instruction' ? ['input', 'context'] : prompt.name === 'prompt' ? ['input', 'query'] : [];
  return finder.take('input', names, ['text']);
}

/** The prompt of one row. */
export interface PromptParts {
  /** Without the system text. */
  readonly asked: readonly ChatMessage[];
  readonly system: string;
  readonly tools: readonly JsonValue[] | undefined;
  /** How the turns were marked, where they were taken out of one text. */
  readonly marks: string | undefined;
}

/** How a prompt written as one text is taken apart. */
export interface PromptManner {
  /**
   * Which marks inside a text are turned into turns. Default all; `dialogue`: those of dialogues, while the marks of a
   * chat template stay, since the text is used as it is.
   */
  readonly turns?: 'all' | 'dialogue' | 'none';
  /** What the prompt may be; default: text or messages. */
  readonly kinds?: readonly ValueKind[] | undefined;
}

/** Reads the parts of a row's prompt. @throws RowProblem for a part that is of the wrong kind. */
export function createPromptReader(
  columns: PromptColumns,
  context: FormatContext,
  { turns = 'all', kinds }: PromptManner = {},
): (row: Row) => PromptParts {
  const at = (column: Column | undefined): ((row: Row) => unknown) =>
    column === undefined ? () => undefined : columnReader(column.keys);
  const [prompt, system, history, input, tools] = [
    columns.prompt,
    columns.system,
    columns.history,
    columns.input,
    columns.tools,
  ].map(at) as [
    (row: Row) => unknown,
    (row: Row) => unknown,
    (row: Row) => unknown,
    (row: Row) => unknown,
    (row: Row) => unknown,
  ];
  const where = columns.prompt?.path ?? 'prompt';
  const isAlone = [columns.system, columns.history, columns.input, columns.tools].every((part) => part === undefined);
  return (row) => {
    const value = prompt(row);
    // The most frequent prompt: messages, and nothing beside them.
    if (isAlone && isList(value) && (kinds === undefined || kinds.includes('messages')))
      return { system: '', tools: undefined, asked: messagesOf(value, where, context), marks: undefined };
    const earlier = historyOf(history(row), columns.history?.path ?? 'history', context);
    const systemText = systemOf(system(row), columns.system?.path ?? 'system');
    const offered = toolsOf(tools(row));
    if (offered !== undefined) context.tally.add('carried message key', columns.tools?.path ?? 'tools');
    const parts = (turns: readonly ChatMessage[], marks?: string): PromptParts => ({
      system: systemText,
      tools: offered,
      asked: earlier.length === 0 ? turns : [...earlier, ...turns],
      marks,
    });
    if (value === undefined && columns.prompt === undefined) return parts([]);
    requireKind(value, where, kinds);
    if (!isText(value)) {
      const messages = isMessageLike(value) ? [value] : value;
      return parts(messagesOf(messages, where, context));
    }
    const marked = turns === 'none' ? undefined : markedTurns(value, turns === 'all');
    if (marked !== undefined) {
      context.tally.add('marks turned into turns', marked.marks);
      return parts(marked.turns, marked.marks);
    }
    const mark = turns === 'all' ? renderedMark(value) : undefined;
    if (mark !== undefined)
      throw new RowProblem(
        `${where}: holds ${mark}, the mark of a chat template, and would be put into another one; name the format that uses text as it is (--format trl-standard)`,
      );
    return parts([user(joined(value, inputOf(input(row), columns.input?.path ?? 'input')))]);
  };
}

function requireKind(value: unknown, where: string, kinds: readonly ValueKind[] | undefined): void {
  if (kinds === undefined) return;
  const [texts, messages] = [kinds.includes('text'), kinds.includes('messages')];
  if (texts && !messages && !isText(value))
    throw new RowProblem(`${where}: expected text, got ${describeValue(value)}`);
  if (messages && !texts && isText(value))
    throw new RowProblem(`${where}: expected a list of messages, got ${describeValue(value)}`);
}

/** An input that the prompt holds already is not said twice. */
function joined(prompt: string, input: string): string {
  if (input.trim() === '' || prompt.includes(input.trim())) return prompt;
  return prompt.trim() === '' ? input : `${prompt}\n${input}`;
}

function inputOf(value: unknown, where: string): string {
  if (value === null || value === undefined) return '';
  if (isText(value)) return value;
  if (isList(value)) return value.map((entry, index) => passageOf(entry, `${where}[${index}]`)).join('\n\n');
  throw new RowProblem(`${where}: expected text, got ${describeValue(value)}`);
}

/** One of several texts: alone, or with a title in front. */
function passageOf(value: unknown, where: string): string {
  if (isText(value)) return value;
  const inside = isRow(value) ? PASSAGE_KEYS.map((key) => value[key]).find(isText) : undefined;
  if (!isRow(value) || inside === undefined)
    throw new RowProblem(`${where}: expected text, or {title, text}, got ${describeValue(value)}`);
  return isText(value['title']) ? `${value['title']}\n${inside}` : inside;
}
const PASSAGE_KEYS = ['text', 'content', 'passage', 'body', 'document', 'context'];

/** A system text, as text, as a message, or in parts (Bedrock, Gemini). */
export function systemOf(value: unknown, where: string): string {
  if (value === null || value === undefined) return '';
  if (isText(value)) return value;
  if (isList(value)) return value.map((part, index) => systemOf(part, `${where}[${index}]`)).join('\n');
  if (isRow(value)) {
    const inside = value['text'] ?? value['content'] ?? value['parts'] ?? value['value'];
    if (inside !== undefined) return isList(inside) ? contentOf(inside, where) : systemOf(inside, where);
  }
  throw new RowProblem(`${where}: expected text, got ${describeValue(value)}`);
}

/** Earlier turns: messages, or pairs of a question and its reply. */
function historyOf(value: unknown, where: string, context: FormatContext): ChatMessage[] {
  if (value === null || value === undefined) return [];
  if (!isList(value)) throw new RowProblem(`${where}: expected a list, got ${describeValue(value)}`);
  if (isMessageLike(value[0])) return messagesOf(value, where, context);
  return value.flatMap((turn, index) => {
    const [question, reply] = isList(turn)
      ? turn
      : isRow(turn)
        ? [
            turn['input'] ?? turn['question'] ?? turn['user'] ?? turn['human'],
            turn['output'] ?? turn['answer'] ?? turn['assistant'],
          ]
        : [];
    if (isText(question) && isText(reply)) return [user(question), assistant(reply)];
    throw new RowProblem(`${where}[${index}]: expected [question, reply], got ${describeValue(turn)}`);
  });
}

/** Tools that a template may show, as a list of definitions; text is JSON of one or of several. */
function toolsOf(value: unknown): readonly JsonValue[] | undefined {
  if (value === null || value === undefined || value === '') return undefined;
  if (isText(value)) {
    const parsed = parsedJson(value);
    return isList(parsed) ? emptyIsNone(parsed) : [parsed];
  }
  if (isList(value)) return emptyIsNone(value.map((tool) => (isText(tool) ? parsedJson(tool) : jsonOf(tool))));
  return isRow(value) ? emptyIsNone([jsonOf(value)]) : undefined;
}

const emptyIsNone = (list: readonly JsonValue[]): readonly JsonValue[] | undefined =>
  list.length === 0 ? undefined : list;

/** Text that is no JSON is a definition in words, and stays one. */
function parsedJson(text: string): JsonValue {
  try {
    return JSON.parse(text) as JsonValue;
  } catch {
    return text;
  }
}

/** Prompt with its system text in front. */
export const wholePrompt = ({ asked, system }: PromptParts): readonly ChatMessage[] =>
  system === '' ? asked : withSystem(system, asked);
