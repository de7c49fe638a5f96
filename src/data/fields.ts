/** Taking typed fields out of rows of unknown shape; what does not fit is a {@link RowProblem} that says got and expected. */
import { describeValue } from '../core/describe-value.js';
import type { ChatMessage } from './pair.js';
import { RowProblem } from './row-problem.js';

/** One row as the file has it. */
export type Row = Readonly<Record<string, unknown>>;

export const isRow = (value: unknown): value is Row =>
  value !== null && typeof value === 'object' && !Array.isArray(value);
export const isText = (value: unknown): value is string => typeof value === 'string';
export const isList = (value: unknown): value is readonly unknown[] => Array.isArray(value);

/** Whether a value is a list of chat messages, by its first entry. */
export const looksLikeMessages = (value: unknown): boolean =>
  isList(value) && value.length > 0 && isMessageLike(value[0]);
export const isMessageLike = (value: unknown): boolean => isRow(value) && ('content' in value || 'value' in value);

/** A field that must be text. */
export function textField(row: Row, name: string): string {
  const value = row[name];
  return isText(value) ? value : fail(row, name, 'text', value);
}

/** Text, or `''` where the field is absent or null. */
export function optionalText(row: Row, name: string): string {
  return row[name] === undefined || row[name] === null ? '' : textField(row, name);
}

/** A field that must be a list. */
export function listField(row: Row, name: string): readonly unknown[] {
  const value = row[name];
  return isList(value) ? value : fail(row, name, 'a list', value);
}

/** A finite number; 64-bit integers of Parquet files count as numbers, and so does text that spells one (CSV). */
export function numberOf(value: unknown, where: string): number {
  if (value === null || value === undefined || (isText(value) && value.trim() === ''))
    throw new RowProblem(`${where}: expected a number, got ${describeValue(value)}`);
  const number = typeof value === 'bigint' || isText(value) ? Number(value) : value;
  if (typeof number === 'number' && Number.isFinite(number)) return number;
  throw new RowProblem(`${where}: expected a number, got ${describeValue(value)}`);
}

/** Names of roles in ShareGPT's `from` and what chat templates call them. */
const SHAREGPT_ROLES: Readonly<Record<string, string>> = {
  human: 'user',
  user: 'user',
  gpt: 'assistant',
  assistant: 'assistant',
  chatgpt: 'assistant',
  bing: 'assistant',
  bard: 'assistant',
  system: 'system',
  observation: 'tool',
  tool: 'tool',
  function_call: 'assistant',
};

/** One message: `{role, content}` (OpenAI, TRL) or `{from, value}` (ShareGPT). */
export function messageOf(value: unknown, where: string): ChatMessage {
  if (!isRow(value)) throw new RowProblem(`${where}: expected a message {role, content}, got ${describeValue(value)}`);
  if ('from' in value) {
    const role = isText(value['from']) ? SHAREGPT_ROLES[value['from'].toLowerCase()] : undefined;
    if (role === undefined) {
      throw new RowProblem(
        `${where}.from: expected ${Object.keys(SHAREGPT_ROLES).join(' | ')}, got ${describeValue(value['from'])}`,
      );
    }
    return { role, content: contentOf(value['value'], `${where}.value`) };
  }
  const role = value['role'];
  if (!isText(role) || role === '') throw new RowProblem(`${where}.role: expected text, got ${describeValue(role)}`);
  return { role, content: contentOf(value['content'], `${where}.content`) };
}

/** A list of messages. */
export function messagesOf(value: unknown, where: string): ChatMessage[] {
  if (!isList(value)) throw new RowProblem(`${where}: expected a list of messages, got ${describeValue(value)}`);
  return value.map((message, index) => messageOf(message, `${where}[${index}]`));
}

/** A response: messages, one message, or text as an assistant message. */
export function responseOf(value: unknown, where: string): ChatMessage[] {
  if (isText(value)) return [assistant(value)];
  if (isRow(value)) return [messageOf(value, where)];
  return messagesOf(value, where);
}

/** Content is text, or OpenAI's list of parts where every part is text. */
function contentOf(content: unknown, where: string): string {
  if (isText(content)) return content;
  if (!isList(content)) throw new RowProblem(`${where}: expected text, got ${describeValue(content)}`);
  return content
    .map((part, index) => {
      if (isRow(part) && isText(part['text']) && (part['type'] === undefined || part['type'] === 'text'))
        return part['text'];
      throw new RowProblem(
        `${where}[${index}]: expected a text part, got ${describeValue(isRow(part) ? (part['type'] ?? part) : part)}`,
      );
    })
    .join('');
}

export const user = (content: string): ChatMessage => ({ role: 'user', content });
export const assistant = (content: string): ChatMessage => ({ role: 'assistant', content });
export const system = (content: string): ChatMessage => ({ role: 'system', content });

/** The messages with a system text in front, unless it is empty or there is one already. */
export const withSystem = (text: string, messages: readonly ChatMessage[]): ChatMessage[] =>
  text === '' || messages[0]?.role === 'system' ? [...messages] : [system(text), ...messages];

function fail(row: Row, name: string, expected: string, value: unknown): never {
  if (value === undefined) {
    throw new RowProblem(
      `${name}: missing; expected ${expected}; the row has ${Object.keys(row).slice(0, 8).join(', ') || 'no fields'}`,
    );
  }
  throw new RowProblem(`${name}: expected ${expected}, got ${describeValue(value)}`);
}
