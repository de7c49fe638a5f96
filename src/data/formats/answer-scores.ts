/** How good each answer of a list is: by numbers in the row where it has them, else by the order, best first. */
import { describeValue } from '../../core/describe-value.js';
import { isList, isRow, listField, numberOf, type Row } from '../fields.js';
import { RowProblem } from '../row-problem.js';
import type { FormatContext } from './format.js';

/** Lists beside the answers, and fields inside them, that are known to score. Higher is better, but rank 1 is best. */
const LISTS = ['scores', 'ratings', 'rewards', 'ranks'];
const FIELDS = ['score', 'rating', 'reward', 'rank'];

/** Lists of a row that say nothing about its answers, whatever their length. */
const OTHER_LISTS = ['prompt', 'tools'];

/**
 * One score per answer of the list `name`; higher is better. Numbers that contradict each other are nobody's to choose
 * between, and numbers of unknown meaning nobody's to pass over: the user names what counts.
 * @throws RowProblem if only some answers have a score, several things score them, or an unknown one may.
 */
export function answerScores(row: Row, name: string, context: FormatContext): number[] {
  const answers = listField(row, name);
  const source = context.score ?? onlySource(row, answers);
  if (source === undefined) {
    if (!context.named) refuseUnknown(row, name, answers);
    return answers.map((_, index) => -index);
  }
  const beside = isList(row[source]) || LISTS.includes(source) || !answers.some(isRow);
  const scores = beside ? listedScores(row, source, answers.length) : ownScores(answers, source, name);
  return ['rank', 'ranks'].includes(source) ? scores.map((rank) => -rank) : scores;
}

function onlySource(row: Row, answers: readonly unknown[]): string | undefined {
  const lists = LISTS.filter((list) => isThere(row[list]));
  const fields = FIELDS.filter((field) => answers.some((answer) => isRow(answer) && isThere(answer[field])));
  const [first, second] = [...lists, ...fields];
  if (second === undefined) return first;
  throw new RowProblem(`${first} and ${second} both score the answers; name the one that counts (--score ${first})`);
}

function listedScores(row: Row, source: string, count: number): number[] {
  const list = listField(row, source);
  if (list.length === count) return list.map((score, index) => numberOf(score, `${source}[${index}]`));
  throw new RowProblem(`${source}: expected ${count} numbers, one per response, got ${list.length}`);
}

function ownScores(answers: readonly unknown[], source: string, name: string): number[] {
  return answers.map((answer, index) => {
    const score = isRow(answer) ? answer[source] : undefined;
    if (isThere(score)) return numberOf(score, `${name}[${index}].${source}`);
    throw new RowProblem(`${name}[${index}]: has no ${source}; expected one in every answer`);
  });
}

function refuseUnknown(row: Row, name: string, answers: readonly unknown[]): void {
  const bestFirst = `the format if the answers stand best first (--format scored-list)`;
  const list = Object.keys(row).find((field) => {
    const value = row[field];
    return field !== name && !OTHER_LISTS.includes(field) && isList(value) && value.length === answers.length;
  });
  if (list !== undefined) {
    throw new RowProblem(`${list}: may score the ${name}; name it if it does (--score ${list}), or ${bestFirst}`);
  }
  const field = answers
    .filter(isRow)
    .flatMap(Object.entries)
    .find(([, value]) => ['number', 'bigint'].includes(typeof value))?.[0];
  if (field !== undefined) {
    throw new RowProblem(`${name}[].${field}: may be a score; name it if it is (--score ${field}), or ${bestFirst}`);
  }
  const empty = LISTS.find((known) => row[known] === null);
  if (empty !== undefined)
    throw new RowProblem(`${empty}: expected a list of scores, got ${describeValue(null)}; or name ${bestFirst}`);
}

const isThere = (value: unknown): boolean => value !== undefined && value !== null;
