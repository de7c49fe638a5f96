/** A list of answers to one prompt, as a value of a row. */
import { isList, isText } from '../fields.js';

/** How good one answer is. */
export interface AnswerScore {
  /** Higher is better. */
  readonly score: number;
  /** The score for people, with its name: "rating 4", "place 1". */
  readonly shown: string;
}

/** Keys of the text inside an answer. */
export const TEXT_KEYS: readonly string[] = [
  ...['text', 'content', 'response', 'answer', 'completion', 'output', 'generation', 'message', 'messages'],
];

/** A list, or text that spells one in JSON (a cell of a table). */
export function listIn(value: unknown): readonly unknown[] | undefined {
  if (isList(value)) return value;
  if (!isText(value) || !value.trimStart().startsWith('[')) return undefined;
  try {
    const parsed = JSON.parse(value) as unknown;
    return isList(parsed) ? parsed : undefined;
  } catch {
    return undefined;
  }
}
