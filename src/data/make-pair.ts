/// <reference lib="es2024.string" />
/** From what a reader understood to a {@link PreferencePair}: the last checks, and the content hashes. */
import { sha256 } from '../core/hash.js';
import type { ChatMessage, PreferencePair } from './pair.js';
import { RowProblem } from './row-problem.js';

/** A pair as a form reads it, before it is checked and named. */
export type PairDraft = Pick<PreferencePair, 'prompt' | 'chosen' | 'rejected' | 'plain'>;

/** @throws RowProblem if the pair says nothing that can be learned from: an empty side, two equal responses, half a character. */
export function makePair(draft: PairDraft, line: number): PreferencePair {
  checkPrompt(draft.prompt);
  checkResponse(draft.chosen, 'chosen', draft.plain);
  checkResponse(draft.rejected, 'rejected', draft.plain);
  const chosen = serialise(draft.chosen);
  const rejected = serialise(draft.rejected);
  if (chosen === rejected) throw new RowProblem('chosen equals rejected');
  const promptId = sha256(serialise(draft.prompt));
  return {
    id: sha256(JSON.stringify([draft.plain, promptId]) + chosen + rejected),
    promptId,
    prompt: draft.prompt,
    chosen: draft.chosen,
    rejected: draft.rejected,
    plain: draft.plain,
    line,
  };
}

/** Unambiguous text of messages: JSON of role and content in turn. */
const serialise = (messages: readonly ChatMessage[]): string =>
  JSON.stringify(messages.map(({ role, content }) => [role, content]));

function checkPrompt(prompt: readonly ChatMessage[]): void {
  if (prompt.length === 0 || prompt.every(({ content }) => content.trim() === '')) throw new RowProblem('prompt: empty');
  if (prompt.at(-1)?.role === 'assistant') throw new RowProblem('prompt: ends with an assistant turn; expected a question to answer');
  prompt.forEach(({ content }) => checkCharacters(content, 'prompt'));
}

function checkResponse(response: readonly ChatMessage[], name: string, plain: boolean): void {
  const first = response[0];
  if (first === undefined || response.every(({ content }) => content.trim() === '')) throw new RowProblem(`${name}: empty response`);
  if (!plain && first.role !== 'assistant') {
    throw new RowProblem(`${name}: expected an assistant turn, got a turn of ${JSON.stringify(first.role)}`);
  }
  response.forEach(({ content }) => checkCharacters(content, name));
}

/** Half of a surrogate pair cannot be written as UTF-8: sent to a tokenizer it would silently become another text. */
function checkCharacters(content: string, name: string): void {
  if (content.isWellFormed()) return;
  const at = content.search(/\p{Surrogate}/u);
  const code = content.charCodeAt(at).toString(16).toUpperCase();
  throw new RowProblem(`${name}: half of a surrogate pair (U+${code}) at character ${at + 1}; not valid Unicode`);
}
