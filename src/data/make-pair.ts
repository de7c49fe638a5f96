/// <reference lib="es2024.string" />
/** From what a reader understood to a {@link PreferencePair}: the last checks, and the content hashes. */
import { sha256 } from '../core/hash.js';
import type { ChatMessage, PreferencePair } from './pair.js';
import { RowProblem } from './row-problem.js';

/** A pair as a format reads it, before it is checked and named. */
export interface PairDraft extends Pick<PreferencePair, 'prompt' | 'chosen' | 'rejected' | 'plain'> {
  /** What tells the prompt from others, where the end of its text depends on the responses. Default: the text itself. */
  readonly promptKey?: string | undefined;
}

/** @throws RowProblem if the pair says nothing that can be learned from: an empty side, two equal responses, half a character. */
export function makePair(draft: PairDraft, line: number): PreferencePair {
  checkPrompt(draft.prompt);
  checkResponse(draft.chosen, 'chosen', draft.plain);
  checkResponse(draft.rejected, 'rejected', draft.plain);
  const { prompt, chosen, rejected, plain } = draft;
  if (sameText(chosen, rejected)) throw new RowProblem('chosen equals rejected');
  const promptHash = sha256(serialise(prompt));
  const promptId = draft.promptKey === undefined ? promptHash : sha256(draft.promptKey);
  return { id: pairId(promptHash, chosen, rejected, plain), promptId, prompt, chosen, rejected, plain, line };
}

/** The id of the pair that says the opposite. */
export const oppositeId = ({ prompt, chosen, rejected, plain }: PreferencePair): string =>
  pairId(sha256(serialise(prompt)), rejected, chosen, plain);

/** SHA-256 of the text of a pair. */
function pairId(promptHash: string, chosen: Messages, rejected: Messages, plain: boolean): string {
  return sha256(`${plain ? 'plain' : 'chat'} ${promptHash}${serialise(chosen)}${serialise(rejected)}`);
}

type Messages = readonly ChatMessage[];

/** Unambiguous text of messages: every part with its length in front, so that no two lists give the same. */
function serialise(messages: Messages): string {
  let text = `${messages.length};`;
  for (const { role, content } of messages) text += `${role.length}:${role}${content.length}:${content}`;
  return text;
}

const sameText = (a: Messages, b: Messages): boolean =>
  a.length === b.length &&
  a.every((message, index) => message.role === b[index]?.role && message.content === b[index].content);

function checkPrompt(prompt: readonly ChatMessage[]): void {
  if (prompt.length === 0 || prompt.every(({ content }) => content.trim() === ''))
    throw new RowProblem('prompt: empty');
  if (prompt.at(-1)?.role === 'assistant')
    throw new RowProblem('prompt: ends with an assistant turn; expected a question to answer');
  prompt.forEach((message) => checkCharacters(message, 'prompt'));
}

function checkResponse(response: readonly ChatMessage[], name: string, plain: boolean): void {
  const first = response[0];
  if (first === undefined || response.every(({ content }) => content.trim() === ''))
    throw new RowProblem(`${name}: empty response`);
  if (!plain && first.role !== 'assistant') {
    throw new RowProblem(`${name}: expected an assistant turn, got a turn of ${JSON.stringify(first.role)}`);
  }
  response.forEach((message) => checkCharacters(message, name));
}

/** Half of a surrogate pair cannot be written as UTF-8: sent to a tokenizer it would silently become another text. */
function checkCharacters({ role, content }: ChatMessage, name: string): void {
  if (role.isWellFormed() && content.isWellFormed()) return;
  const [text, where] = role.isWellFormed() ? [content, name] : [role, `${name}: role`];
  const at = text.search(/\p{Surrogate}/u);
  const code = text.charCodeAt(at).toString(16).toUpperCase();
  throw new RowProblem(`${where}: half of a surrogate pair (U+${code}) at character ${at + 1}; not valid Unicode`);
}
