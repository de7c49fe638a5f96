/** The prompt that two whole conversations or texts share: TRL's implicit prompt. */
import type { PairDraft } from './make-pair.js';
import { sameMessage, type ChatMessage } from './pair.js';

/** The longest common run of messages that ends with something to answer is the prompt. */
export function splitMessages(
  chosen: readonly ChatMessage[],
  rejected: readonly ChatMessage[],
): Omit<PairDraft, 'plain'> {
  const shorter = Math.min(chosen.length, rejected.length);
  let length = 0;
  while (length < shorter && sharedMessage(chosen[length], rejected[length])) length++;
  // A turn of the assistant that both share is part of the answers, as far as both go on behind it.
  if (length < shorter) while (length > 0 && chosen[length - 1]?.role === 'assistant') length--;
  return { prompt: chosen.slice(0, length), chosen: chosen.slice(length), rejected: rejected.slice(length) };
}

/**
 * Length of the longest common beginning of two texts, as TRL counts it: a space before the split belongs to the
 * responses. A split never falls inside a surrogate pair.
 */
export function commonTextLength(chosen: string, rejected: string): number {
  const shorter = Math.min(chosen.length, rejected.length);
  let length = 0;
  while (length < shorter && chosen.charCodeAt(length) === rejected.charCodeAt(length)) length++;
  const last = chosen.charCodeAt(length - 1);
  if (last === 0x20 || (last >= 0xd800 && last <= 0xdbff)) length--;
  return length;
}

const sharedMessage = (a: ChatMessage | undefined, b: ChatMessage | undefined): boolean =>
  a !== undefined && b !== undefined && sameMessage(a, b);
