/** Chat messages as data sets write them, whatever they call the speaker and the text. */
import { describeValue } from '../core/describe-value.js';
import type { JsonValue } from '../core/json.js';
import { isList, isRow, isText, type Row } from './fields.js';
import type { ChatMessage } from './pair.js';
import { RowProblem } from './row-problem.js';
import { ROLE_KEYS } from './shape.js';
import type { Tally } from './tally.js';

/** How messages are to be read, where the user says so. */
export interface MessageKeys {
  /** Key of the speaker. Default: role, from or speaker, whichever is there. */
  readonly role?: string | undefined;
  /** Key of the text. Default: content, value, text, message or parts. */
  readonly content?: string | undefined;
  /** What further names of speakers mean: `{ kunde: user, berater: assistant }`. */
  readonly roles?: Readonly<Record<string, string>> | undefined;
}

/** What reading messages needs to know, and whom it tells of keys. */
export interface MessageContext {
  readonly messages?: MessageKeys | undefined;
  readonly tally?: Tally | undefined;
}

const CONTENT_KEYS = ['content', 'value', 'text', 'message', 'parts'] as const;

/** Names of speakers, in lower case, and what chat templates call them. */
const ROLES: ReadonlyMap<string, string> = new Map(
  Object.entries({
    user: ['human', 'user', 'prompter'],
    assistant: [
      'gpt',
      'assistant',
      'bot',
      'model',
      'ai',
      'chatbot',
      'chatgpt',
      'bing',
      'bard',
      'function_call',
      'tool_call',
    ],
    system: ['system', 'developer'],
    tool: ['observation', 'tool', 'function', 'tool_response', 'ipython'],
  }).flatMap(([role, names]) => names.map((name) => [name, role] as const)),
);

/** Keys that a template may write out; they go along with the message. */
const CARRIED = new Set([
  'tool_calls',
  'tool_call_id',
  'name',
  'reasoning_content',
  'reasoning',
  'thinking',
  'function_call',
]);

/** One message: `{role, content}` (OpenAI, TRL), `{from, value}` (ShareGPT), `{role, parts}` (Gemini) and the like. */
export function messageOf(value: unknown, where: string, context: MessageContext = {}): ChatMessage {
  if (!isRow(value)) throw new RowProblem(`${where}: expected a message {role, content}, got ${describeValue(value)}`);
  const roleKey =
    context.messages?.role ?? ('role' in value ? 'role' : (ROLE_KEYS.find((key) => key in value) ?? 'role'));
  const contentKey = context.messages?.content ?? contentKeyOf(value, roleKey);
  const role = roleOf(value[roleKey], `${where}.${roleKey}`, roleKey, context.messages?.roles);
  const extra = extraOf(value, roleKey, contentKey, context.tally);
  // A turn that only calls tools has no text.
  const text = value[contentKey];
  if (extra === undefined) return { role, content: contentOf(text, `${where}.${contentKey}`) };
  if (text === null || text === undefined) return { role, content: '', extra: { content: null, ...extra } };
  return { role, content: contentOf(text, `${where}.${contentKey}`), extra };
}

/** By far the most frequent message, without a word of what could be wrong with it: a known role, text, and nothing else. */
function usualMessage(message: Row): ChatMessage | undefined {
  const { role, content } = message;
  if (!isText(role) || !isText(content)) return undefined;
  for (const key in message) if (key !== 'role' && key !== 'content') return undefined;
  const known = ROLES.get(role);
  return known === undefined ? undefined : { role: known, content };
}

/** A list of messages. */
export function messagesOf(value: unknown, where: string, context?: MessageContext): ChatMessage[] {
  if (!isList(value)) throw new RowProblem(`${where}: expected a list of messages, got ${describeValue(value)}`);
  return value.map(
    (message, index) =>
      (context?.messages === undefined && isRow(message) ? usualMessage(message) : undefined) ??
      messageOf(message, `${where}[${index}]`, context),
  );
}

/** A response: messages, one message, or text as an assistant message. */
export function responseOf(value: unknown, where: string, context?: MessageContext): ChatMessage[] {
  if (isText(value)) return [assistant(value)];
  if (isRow(value)) return [messageOf(value, where, context)];
  return messagesOf(value, where, context);
}

const contentKeyOf = (message: Row, roleKey: string): string =>
  'content' in message
    ? 'content'
    : (CONTENT_KEYS.find((key) => key in message) ?? (roleKey === 'from' ? 'value' : 'content'));

function roleOf(role: unknown, where: string, key: string, named: MessageKeys['roles']): string {
  if (!isText(role) || role === '') {
    const expected = key === 'from' ? [...ROLES.keys()].join(' | ') : 'text';
    throw new RowProblem(`${where}: expected ${expected}, got ${describeValue(role)}`);
  }
  const known = named?.[role] ?? ROLES.get(role.toLowerCase());
  if (known !== undefined) return known;
  if (key === 'role') return role;
  throw new RowProblem(`${where}: expected ${[...ROLES.keys()].join(' | ')}, got ${describeValue(role)}`);
}

/** Everything of a message that is neither its speaker nor its text: what templates may render is kept, the rest reported. */
function extraOf(
  message: Row,
  roleKey: string,
  contentKey: string,
  tally: Tally | undefined,
): Readonly<Record<string, JsonValue>> | undefined {
  let extra: Record<string, JsonValue> | undefined;
  for (const key in message) {
    if (key === roleKey || key === contentKey) continue;
    const value = message[key];
    if (isAbsent(value)) continue;
    if (!CARRIED.has(key)) tally?.add('unread message key', key);
    else {
      tally?.add('carried message key', key);
      (extra ??= {})[key] = jsonOf(value);
    }
  }
  return extra;
}

/** Values of rows are JSON but for the whole numbers of Parquet files. */
export function jsonOf(value: unknown): JsonValue {
  if (typeof value === 'bigint') return Number(value);
  if (value === null || value === undefined) return null;
  if (isList(value)) return value.map(jsonOf);
  if (isRow(value)) return Object.fromEntries(Object.entries(value).map(([key, inside]) => [key, jsonOf(inside)]));
  return value as JsonValue;
}

const isAbsent = (value: unknown): boolean =>
  value === undefined || value === null || value === '' || (isList(value) && value.length === 0);

/** Content is text, or a list of parts where every part is text: `{type: text, text}`, `{type: text, value}`, `{text}`. */
export function contentOf(content: unknown, where: string): string {
  if (isText(content)) return content;
  if (!isList(content)) throw new RowProblem(`${where}: expected text, got ${describeValue(content)}`);
  return content
    .map((part, index) => {
      // Gemini's thoughts are parts with text as well, and no part of what it says.
      if (isRow(part) && (part['type'] === undefined || part['type'] === 'text') && part['thought'] !== true) {
        const text = part['text'] ?? part['value'];
        if (isText(text)) return text;
      }
      throw new RowProblem(`${where}[${index}]: expected a text part, got ${describeValue(kindOfPart(part))}`);
    })
    .join('');
}

const kindOfPart = (part: unknown): unknown =>
  isRow(part) ? (part['thought'] === true ? 'thought' : (part['type'] ?? part)) : part;

/** A message of the user. */
export const user = (content: string): ChatMessage => ({ role: 'user', content });
/** A message of the assistant. */
export const assistant = (content: string): ChatMessage => ({ role: 'assistant', content });
/** A message with system text. */
export const system = (content: string): ChatMessage => ({ role: 'system', content });

/**
 * The messages with a system text in front, unless it is empty or they begin with it already.
 * @throws RowProblem where they begin with another one.
 */
export function withSystem(text: string, messages: readonly ChatMessage[]): ChatMessage[] {
  const [first] = messages;
  if (first?.role !== 'system') return text === '' ? [...messages] : [system(text), ...messages];
  if (first.content.includes(text.trim())) return [...messages];
  throw new RowProblem(
    `two system texts: ${describeValue(text)} in a column, ${describeValue(first.content)} in the conversation; leave one out (--ignore names the column)`,
  );
}
