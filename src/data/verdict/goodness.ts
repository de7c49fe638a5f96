/** How good one answer is, from whatever says so: a number, a number as text, true or false, or a word of praise. */
import { describeValue } from '../../core/describe-value.js';
import { isText } from '../fields.js';
import { RowProblem } from '../row-problem.js';
import { goodnessOfWord } from './words.js';

/** Higher is better. @throws RowProblem for a value that says neither how much nor yes or no. */
export function goodnessOf(value: unknown, where: string): number {
  const goodness = tryGoodness(value);
  if (goodness !== undefined) return goodness;
  throw new RowProblem(
    `${where}: expected a number, true or false, or a word like good or bad, got ${describeValue(value)}`,
  );
}

/** A number that grows with goodness; undefined for a value that says nothing of it. */
export function tryGoodness(value: unknown): number | undefined {
  switch (typeof value) {
    case 'boolean':
      return value ? 1 : 0;
    case 'number':
      return Number.isFinite(value) ? value : undefined;
    case 'bigint':
      return Number(value);
    case 'string': {
      const number = numberInText(value);
      return number ?? goodnessOfWord(value);
    }
    default:
      return undefined;
  }
}

/** The number that a text spells, and nothing else: `4.5`, ` -1 `, `2e1`. */
export function numberInText(text: string): number | undefined {
  if (text.trim() === '') return undefined;
  const number = Number(text);
  return Number.isFinite(number) ? number : undefined;
}

/** Whether a value can be a mark of one answer. */
export const saysGoodness = (value: unknown): boolean => tryGoodness(value) !== undefined;

/** Whether a value is a finite number or text of one. */
export const isNumeric = (value: unknown): boolean =>
  typeof value === 'bigint' ||
  (typeof value === 'number' && Number.isFinite(value)) ||
  (isText(value) && numberInText(value) !== undefined);
