/// <reference lib="es2024.string" />
/** From what a reader understood to a {@link PreferencePair}: the last checks, and the content hashes. */
import { sha256 } from '../core/hash.js';
import { textsIn } from '../core/json.js';
import { extraText, sameMessage, type ChatMessage, type PreferencePair, type RowOrigin } from './pair.js';
import { RowProblem } from './row-problem.js';

/** A pair as a format reads it, before it is checked and named. */
export interface PairDraft extends Pick<
  PreferencePair,
  'prompt' | 'chosen' | 'rejected' | 'plain' | 'tools' | 'decided'
> {
  /** What tells the prompt from others, where the end of its text depends on the responses. Default: the text itself. */
  readonly promptKey?: string | undefined;
}

/**
 * Checks a draft and gives it its ids.
 * @throws RowProblem if the pair says nothing that can be learned from: an empty side, two equal responses, half a character.
 */
export function makePair(draft: PairDraft, line: number, origin?: RowOrigin): PreferencePair {
  checkPrompt(draft.prompt);
  checkResponse(draft.chosen, 'chosen', draft.plain);
  checkResponse(draft.rejected, 'rejected', draft.plain);
  const { prompt, chosen, rejected, plain, decided } = draft;
  if (sameText(chosen, rejected)) throw new RowProblem('chosen equals rejected');
  const tools = draft.tools?.length ? { tools: draft.tools } : {};
  for (const text of textsIn(draft.tools ?? [])) checkWellFormed(text, 'tools');
  const promptHash = hashPrompt(draft);
  const promptId = draft.promptKey === undefined ? promptHash : sha256(draft.promptKey);
  return {
    id: pairId(promptHash, chosen, rejected, plain),
    promptId,
    prompt,
    chosen,
    rejected,
    plain,
    line,
    origin,
    ...tools,
    ...(decided !== undefined && { decided }),
  };
}

/** The id of the pair that says the opposite. */
export const oppositeId = (pair: PreferencePair): string =>
  pairId(hashPrompt(pair), pair.rejected, pair.chosen, pair.plain);

/** SHA-256 of the text of a pair. */
function pairId(promptHash: string, chosen: Messages, rejected: Messages, plain: boolean): string {
  return sha256(`${plain ? 'plain' : 'chat'} ${promptHash}${serialise(chosen)}${serialise(rejected)}`);
}

/** Tools are part of what is asked. A prompt without any has the hash of its messages alone. */
function hashPrompt({ prompt, tools }: Pick<PreferencePair, 'prompt' | 'tools'>): string {
  const schemas = tools?.length ? JSON.stringify(tools) : '';
  return sha256(serialise(prompt) + (schemas === '' ? '' : `tools${schemas.length}:${schemas}`));
}

type Messages = readonly ChatMessage[];

/** Unambiguous text of messages: every part with its length in front, so that no two lists give the same. */
function serialise(messages: Messages): string {
  let text = `${messages.length};`;
  for (const message of messages) {
    const { role, content } = message;
    text += `${role.length}:${role}${content.length}:${content}`;
    const extra = extraText(message);
    if (extra !== '') text += `+${extra.length}:${extra}`;
  }
  return text;
}

const sameText = (a: Messages, b: Messages): boolean =>
  a.length === b.length &&
  a.every((message, index) => {
    const other = b[index];
    return other !== undefined && sameMessage(message, other);
  });

/** Nothing to read in any message, nor a tool called. */
const isEmpty = (messages: Messages): boolean =>
  messages.every((message) => message.content.trim() === '' && extraText(message) === '');

function checkPrompt(prompt: readonly ChatMessage[]): void {
  if (prompt.length === 0 || isEmpty(prompt)) throw new RowProblem('prompt: empty');
  if (prompt.at(-1)?.role === 'assistant')
    throw new RowProblem('prompt: ends with an assistant turn; expected a question to answer');
  prompt.forEach((message) => checkCharacters(message, 'prompt'));
}

function checkResponse(response: readonly ChatMessage[], name: string, plain: boolean): void {
  const first = response[0];
  if (first === undefined || isEmpty(response)) throw new RowProblem(`${name}: empty response`);
  if (!plain && first.role !== 'assistant') {
    throw new RowProblem(`${name}: expected an assistant turn, got a turn of ${JSON.stringify(first.role)}`);
  }
  response.forEach((message) => checkCharacters(message, name));
}

/** Half of a surrogate pair cannot be written as UTF-8: sent to a tokenizer it would silently become another text. */
function checkCharacters({ role, content, extra }: ChatMessage, name: string): void {
  checkWellFormed(role, `${name}: role`);
  checkWellFormed(content, name);
  for (const text of extra === undefined ? [] : textsIn(extra)) checkWellFormed(text, name);
}

function checkWellFormed(text: string, where: string): void {
  if (text.isWellFormed()) return;
  const at = text.search(/\p{Surrogate}/u);
  const code = text.charCodeAt(at).toString(16).toUpperCase();
  throw new RowProblem(`${where}: half of a surrogate pair (U+${code}) at character ${at + 1}; not valid Unicode`);
}
