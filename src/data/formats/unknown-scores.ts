/** Refusals of lists of answers in which something may score them that nobody knows, or nothing does. */
import { describeValue } from '../../core/describe-value.js';
import { isList, isRow, isText, type Row } from '../fields.js';
import { RowProblem } from '../row-problem.js';
import { directionOf, isRank } from '../verdict/direction.js';
import { namesOrder } from './answer-order.js';
import { describesRow } from './other-texts.js';

/** Lists of a row that say nothing about its answers, whatever their length. */
const OTHER_LISTS = new Set(['prompt', 'tools', 'history', 'messages']);
/** Lists of pairs of answers, by their places. */
const COMPARISONS = new Set(['pairs', 'comparisons', 'preferences', 'preference_pairs', 'battles']);
const BEST_FIRST = 'the format if the answers stand best first (--format scored-list)';

/**
 * Refuses what may score the answers and is not known to.
 * @throws RowProblem for a list beside the answers, or a field inside them.
 */
export function refuseUnknownScores(row: Row, path: string, answers: readonly unknown[]): void {
  const list = Object.keys(row).find((field) => {
    const value = row[field];
    return (
      field !== path &&
      !OTHER_LISTS.has(field) &&
      isList(value) &&
      value.length === answers.length &&
      (!isText(value.find(isThere)) || namesOrder(field)) &&
      value.some(isThere)
    );
  });
  const compared = Object.keys(row).find((field) => COMPARISONS.has(field) && isList(row[field]));
  if (compared !== undefined)
    throw new RowProblem(
      `${compared}: may say which of the ${path} is better, and is not read; write chosen and rejected into the file`,
    );
  if (list !== undefined && namesOrder(list))
    throw new RowProblem(
      `${list}: may be the order of the ${path}; name it if it lists them best first (--columns verdict=${list})`,
    );
  if (list !== undefined)
    throw new RowProblem(`${list}: may score the ${path}; name it if it does (${scoreFlag(list)}), or ${BEST_FIRST}`);
  const field = answers
    .filter(isRow)
    .flatMap(Object.entries)
    .find(([key, value]) => ['number', 'bigint', 'boolean'].includes(typeof value) && !describesRow(key))?.[0];
  if (field !== undefined)
    throw new RowProblem(
      `${path}[].${field}: may be a score; name it if it is (${scoreFlag(field)}), or ${BEST_FIRST}`,
    );
}

/**
 * Refuses answers that nothing scores.
 * @throws RowProblem always.
 */
export function refuseUnscored(row: Row, path: string, answers: readonly unknown[]): never {
  const empty = ['scores', 'ratings', 'rewards', 'ranks'].find((known) => row[known] === null);
  if (empty !== undefined)
    throw new RowProblem(`${empty}: expected a list of scores, got ${describeValue(null)}; or name ${BEST_FIRST}`);
  throw new RowProblem(`${path}: nothing says which of the ${answers.length} answers is better; name ${BEST_FIRST}`);
}

/** The option that reads a score rightly; where the name does not say so, both ways are the user's to know. */
function scoreFlag(name: string): string {
  if (directionOf(name) === 'higher' || isRank(name)) return `--score ${name}`;
  return `--score ${name}${directionOf(name) === 'lower' ? '' : ', with'} --lower-is-better if less is better`;
}

/** Neither absent nor null. */
export const isThere = (value: unknown): boolean => value !== undefined && value !== null;
