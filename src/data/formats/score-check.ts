/** Scores beside a pair's two answers: where they tie or say the opposite of the columns, the row teaches nothing. */
import { isText, type Row } from '../fields.js';
import { wordsOf } from '../names.js';
import { RowProblem } from '../row-problem.js';
import { columnReader, type Column } from '../shape.js';
import { directionOf, isRank } from '../verdict/direction.js';
import { isNumeric } from '../verdict/goodness.js';
import { isTieWord } from '../verdict/words.js';
import type { Finder } from './finder.js';
import type { FormatContext } from './format.js';
import { isBadWord, isGoodWord } from './vocabulary.js';

/**
 * Compares the scores of a row with the columns its answers are in.
 * @returns what decided, in words. @throws RowProblem for a tie or a contradiction.
 */
export type ScoreCheck = (row: Row) => string | undefined;

/** A check of the columns that are not read yet; undefined if none of them holds scores or a verdict. */
export function createScoreCheck(finder: Finder, _context: FormatContext): ScoreCheck | undefined {
  const columns = finder.rest();
  const pairs = scorePairs(columns);
  const verdicts = columns.filter(
    ({ name, kind }) => kind === 'text' && ['status', 'winner', 'preference', 'verdict'].includes(name),
  );
  const lists = columns.filter(
    ({ name, kind }) => kind === 'numbers' && ['rating', 'ratings', 'score', 'scores'].includes(name),
  );
  const margins = columns.filter(isMargin).map(({ path, keys }) => ({ path, at: columnReader(keys) }));
  if (pairs.length + verdicts.length + lists.length + margins.length === 0) return undefined;
  for (const { good, bad } of pairs) {
    finder.use(`score of chosen`, good);
    finder.use(`score of rejected`, bad);
  }
  const compare = pairs.map(({ good, bad }) => comparison(good, bad));
  const ties = verdicts.map((column) => ({ path: column.path, at: columnReader(column.keys) }));
  const even = lists.map((column) => ({ path: column.path, at: columnReader(column.keys) }));
  return (row) => {
    for (const { path, at } of ties) {
      const value = at(row);
      if (isText(value) && isTieWord(value)) throw new RowProblem(`tie: ${path} says ${JSON.stringify(value)}`);
    }
    for (const { path, at } of even) {
      const value = at(row);
      if (Array.isArray(value) && value.length === 2 && isNumeric(value[0]) && Number(value[0]) === Number(value[1]))
        throw new RowProblem(`tie: ${path} gives both answers ${Number(value[0])}`);
    }
    for (const { path, at } of margins) {
      const value = at(row);
      if (isNumeric(value) && Number(value) < 0)
        throw new RowProblem(
          `contradiction: ${path} ${Number(value)} says that rejected is better; if the columns are right, leave it out (--ignore ${path})`,
        );
    }
    const decided = compare.map((check) => check(row)).filter((text) => text !== undefined);
    return decided.length === 0 ? undefined : decided.join('; ');
  };
}

/** By how much chosen is better: `margin`, `score_diff`. */
const isMargin = ({ name, kind, sample }: Column): boolean =>
  (kind === 'number' || (kind === 'text' && isNumeric(sample))) &&
  /^(?:(?:score|rating|reward|preference)_)?(?:margin|diff|difference|gap|delta)$/.test(name);

function comparison(good: Column, bad: Column): ScoreCheck {
  const [goodAt, badAt] = [columnReader(good.keys), columnReader(bad.keys)];
  const sign = isRank(good.name) ? -1 : 1;
  return (row) => {
    const [own, other] = [goodAt(row), badAt(row)];
    if (!isNumeric(own) || !isNumeric(other)) return undefined;
    const [x, y] = [Number(own), Number(other)];
    const way = `if the columns are right, leave the scores out (--ignore ${good.path},${bad.path})`;
    if (x === y) throw new RowProblem(`tie: ${good.path} and ${bad.path} are both ${x}; ${way}`);
    if (sign * (x - y) < 0)
      throw new RowProblem(`contradiction: ${good.path} ${x} is worse than ${bad.path} ${y}; ${way}`);
    return `${good.path} ${x}, ${bad.path} ${y}`;
  };
}

/** Columns that score the two answers by the same measure: `score_chosen` and `score_rejected`, `chosen-rating` and `rejected-rating`. */
function scorePairs(columns: readonly Column[]): { good: Column; bad: Column }[] {
  const scores = columns.filter(
    ({ name, kind, sample }) =>
      (kind === 'number' || (kind === 'text' && isNumeric(sample))) && (directionOf(name) === 'higher' || isRank(name)),
  );
  const measure = (column: Column, isMark: (word: string) => boolean): string | undefined => {
    const words = wordsOf(column.path);
    const rest = words.filter((word) => !isMark(word));
    return rest.length === words.length - 1 ? rest.join(' ') : undefined;
  };
  const isGood = (word: string): boolean => word.length > 1 && isGoodWord(word);
  const isBad = (word: string): boolean => word.length > 1 && isBadWord(word);
  return scores.flatMap((good) => {
    const of = measure(good, isGood);
    if (of === undefined) return [];
    const bad = scores.find((column) => column !== good && measure(column, isBad) === of);
    return bad === undefined ? [] : [{ good, bad }];
  });
}
