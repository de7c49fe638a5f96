/** Lengths of the pairs of a run in tokens, as far as text alone tells. */
import type { ChatMessage, PreferencePair } from '../data/index.js';

/** UTF-8 bytes of a token, as English text has them under today's vocabularies. */
export const BYTES_PER_TOKEN = 4;
/** Tokens that a chat template puts around a message. */
const TEMPLATE_TOKENS = 5;

/** Tokens of one pair. */
export interface PairLength {
  readonly prompt: number;
  readonly chosen: number;
  readonly rejected: number;
}

/** Estimated tokens of a pair, cut to `maxLength` tokens of prompt + response as keep_start does. */
export function estimateLength(pair: PreferencePair, maxLength: number): PairLength {
  const prompt = Math.min(tokensOf(pair.prompt, pair.plain), maxLength - 1);
  const response = (messages: readonly ChatMessage[]): number =>
    Math.max(1, Math.min(tokensOf(messages, pair.plain), maxLength - prompt));
  return { prompt, chosen: response(pair.chosen), rejected: response(pair.rejected) };
}

function tokensOf(messages: readonly ChatMessage[], plain: boolean): number {
  const bytes = messages.reduce((sum, { content }) => sum + Buffer.byteLength(content), 0);
  return Math.max(1, Math.ceil(bytes / BYTES_PER_TOKEN) + (plain ? 0 : TEMPLATE_TOKENS * messages.length));
}
