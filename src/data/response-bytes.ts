/** Length of a response in UTF-8 bytes: what normalisation per byte divides by, and what "the longer one" means. */
import { textsIn } from '../core/json.js';
import type { ChatMessage } from './pair.js';

/** UTF-8 bytes of a response's text. @param scored Turns that count: those that are scored. */
export function responseBytes(response: readonly ChatMessage[], scored: 'assistant' | 'all' = 'assistant'): number {
  const counted = response.filter(({ role }) => scored === 'all' || response.length === 1 || role === 'assistant');
  return counted.reduce((sum, { content, extra }) => sum + Buffer.byteLength(content) + extraBytes(extra), 0);
}

/** Texts beside the content: reasoning, calls of tools. Their names and marks are the template's. */
function extraBytes(extra: ChatMessage['extra']): number {
  let sum = 0;
  for (const [key, value] of Object.entries(extra ?? {})) {
    if (key !== 'content') for (const text of textsIn(value)) sum += Buffer.byteLength(text);
  }
  return sum;
}
