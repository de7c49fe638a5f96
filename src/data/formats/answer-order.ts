/** Lists of numbers that may be the rank of each answer, or the answers' order: `[2, 3, 1]` says the opposite in the two. */
import { smallest } from '../../core/extremes.js';
import { isList, type Row } from '../fields.js';
import { lastWord, wordsOf } from '../names.js';
import { RowProblem } from '../row-problem.js';
import { columnReader } from '../shape.js';
import { isNumeric } from '../verdict/goodness.js';
import type { FormatContext } from './format.js';

const ORDER_WORDS = new Set(['order', 'ordering', 'sorted', 'argsort', 'permutation', 'indices']);

/** Whether a column of this name lists answers rather than scoring them one by one. */
export const namesOrder = (name: string): boolean => wordsOf(name).some((word) => ORDER_WORDS.has(word));

/**
 * Refuses a ranking that could be either.
 * @throws RowProblem where `ranking` of the first rows reads differently as ranks and as an order. Of two answers both
 *   readings say the same, and places that are shared can only be ranks.
 */
export function refuseUnclearRanking(key: string, path: string, { sample }: FormatContext): void {
  if (lastWord(key) !== 'ranking') return;
  const answersAt = columnReader(path.split('.'));
  const lists = sample.flatMap((row) => numbersAt(row, key, answersAt));
  if (lists.some((numbers) => new Set(numbers).size < numbers.length)) return;
  if (lists.every(isSameBothWays)) return;
  throw new RowProblem(
    `${key}: could mean either; --score ${key} if it holds the rank of each answer, --columns verdict=${key} if it lists the ${path} best first`,
  );
}

function numbersAt(row: Row, key: string, answersAt: (row: Row) => unknown): number[][] {
  const [list, answers] = [row[key], answersAt(row)];
  if (!isList(list) || !list.every(isNumeric) || (isList(answers) && answers.length !== list.length)) return [];
  return [list.map(Number)];
}

/** Whether a permutation is its own inverse. */
function isSameBothWays(numbers: readonly number[]): boolean {
  const first = smallest(numbers);
  return numbers.every((number, index) => numbers[number - first] === index + first);
}
