/** A column that points at one of the answers of a list, as the best or the worst: by index, id, letter or its own text. */
import { describeValue } from '../../core/describe-value.js';
import { smallest } from '../../core/extremes.js';
import { columnAt } from '../columns.js';
import { isList, isRow, isText, type Row } from '../fields.js';
import { wordsOf } from '../names.js';
import { RowProblem } from '../row-problem.js';
import { rowShapeOf, columnReader } from '../shape.js';
import { isNumeric } from '../verdict/goodness.js';
import type { VerdictValues } from '../verdict/sides.js';
import { isTieWord, pointsAt } from '../verdict/words.js';
import { listIn, TEXT_KEYS, type AnswerScore } from './answer-list.js';
import type { FormatContext } from './format.js';

/** Words of a column that points at one of the answers, as good or as bad. */
const POINTING = new Set([
  ...['chosen', 'choice', 'best', 'preference', 'preferred', 'winner', 'winning', 'selected', 'gold', 'correct'],
  ...['better', 'label', 'worst', 'rejected', 'loser', 'losing', 'worse'],
]);
/** What may stand beside such a word: of other names (`label_reason`) nobody knows. */
const POINTER_PARTS = new Set([
  ...['index', 'idx', 'id', 'position', 'pos', 'number', 'no', 'num', 'answer', 'response', 'completion', 'output'],
  ...['model', 'candidate', 'option'],
]);
/** Of two answers, 0 and 1 under another name may as well be a no and a yes to the first. */
const INDEX_WORDS = new Set(['index', 'idx', 'position', 'pos', 'number', 'no', 'num']);

/**
 * Scores by what points at the answers; `undefined` where nothing does.
 * @throws RowProblem where something may, and nobody knows at which.
 */
export function pointedScores(
  row: Row,
  path: string,
  answers: readonly unknown[],
  context: FormatContext,
): AnswerScore[] | undefined {
  const keys = pointersIn(row, path, context);
  if (keys.length === 0) return undefined;
  const scores = answers.map(() => 0);
  const shown = answers.map(() => `not ${keys.join(' or ')}`);
  for (const key of keys) {
    const value = columnReader(key.split('.'))(row) ?? row[key];
    const places = placesOf(key, value, path, answers, context);
    places.forEach((place, index) => {
      const worse = pointsAt(key) === 'worse' ? -1 : 1;
      scores[place] = (scores[place] ?? 0) + worse * (places.length - index);
      shown[place] = isList(value) ? `${key}: place ${index + 1}` : `${key}: ${String(value)}`;
    });
  }
  return scores.map((score, index) => ({ score, shown: shown[index] ?? '' }));
}

function pointersIn(row: Row, path: string, context: FormatContext): string[] {
  const { verdict } = context.columns;
  if (verdict !== undefined) return [columnAt(rowShapeOf(row), verdict)?.path ?? verdict];
  return Object.keys(row).filter((key) => {
    const words = wordsOf(key);
    const value = row[key];
    return (
      key !== path &&
      !context.ignore.includes(key) &&
      words.some((word) => POINTING.has(word)) &&
      words.every((word) => POINTING.has(word) || POINTER_PARTS.has(word)) &&
      (isNumeric(value) || (isText(value) && !isTieWord(value) && namesAnswers(key, path, context)))
    );
  });
}

/** What the first rows say of a column is worked out once. */
const known = new WeakMap<readonly Row[], Map<string, unknown>>();
function oncePerColumn<T>({ sample }: FormatContext, key: string, workOut: () => T): T {
  let columns = known.get(sample);
  if (columns === undefined) known.set(sample, (columns = new Map<string, unknown>()));
  if (!columns.has(key)) columns.set(key, workOut());
  return columns.get(key) as T;
}

const namesAnswers = (key: string, path: string, context: FormatContext): boolean =>
  oncePerColumn(context, `name ${key} ${path}`, () => someNameAnswers(key, path, context));
const firstIndex = (key: string, path: string, context: FormatContext): 0 | 1 | undefined =>
  oncePerColumn(context, `index ${key} ${path}`, () => provenFirstIndex(key, path, context));

/** Whether a text of the first rows names an answer: else the column says something else (`preference: "honesty"`). */
function someNameAnswers(key: string, path: string, { sample }: FormatContext): boolean {
  const answersAt = columnReader(path.split('.'));
  return sample.some((row) => {
    const answers = listIn(answersAt(row));
    return answers !== undefined && isText(row[key]) && placeOfText(row[key], answers) !== undefined;
  });
}

/** Places of the answers that a value points at, the best first. */
function placesOf(
  key: string,
  value: unknown,
  path: string,
  answers: readonly unknown[],
  context: FormatContext,
): readonly number[] {
  if (pointsAt(key) === 'unclear')
    throw new RowProblem(`${key}: nothing says whether it names the better or the worse of the ${path}`);
  if (!isList(value)) return [placeOf(key, value, path, answers, context)];
  const numbers = value.filter(isNumeric).map(Number);
  const first = numbers.length > 0 && smallest(numbers) >= 1 ? 1 : 0;
  const places = value.map((entry) =>
    isNumeric(entry) ? checkedPlace(key, Number(entry) - first, entry, answers) : placeOfName(key, entry, answers),
  );
  if (new Set(places).size === answers.length && places.length === answers.length) return places;
  throw new RowProblem(`${key}: expected each of the ${answers.length} ${path} once, best first`);
}

function placeOf(
  key: string,
  value: unknown,
  path: string,
  answers: readonly unknown[],
  context: FormatContext,
): number {
  if (context.verdict !== undefined) return placeByUser(key, value, answers, context.verdict);
  if (!isNumeric(value)) return placeOfName(key, value, answers);
  const first = firstIndex(key, path, context);
  if (first !== undefined) return checkedPlace(key, Number(value) - first, value, answers);
  const mapped =
    answers.length === 2
      ? `a=${path}.0,b=${path}.1,verdict=${key} --verdict VALUE=a,VALUE=b`
      : `verdict=${key} --verdict 0=a if it counts from 0, --verdict 1=a if from 1`;
  throw new RowProblem(
    `${key}: may say which of the ${answers.length} ${path} is better or worse, and nothing says what its numbers mean (--columns ${mapped})`,
  );
}

/** A value as the user has it: `a` is the first answer; where a number is, the others count on from it. */
function placeByUser(key: string, value: unknown, answers: readonly unknown[], values: VerdictValues): number {
  const side = values[String(value)];
  if (side === 'a' || side === 'b') return side === 'a' ? 0 : 1;
  if (side === 'tie') throw new RowProblem(`tie: ${key} is ${describeValue(value)}`);
  const first = Object.keys(values).find((name) => values[name] === 'a' && isNumeric(name));
  if (first !== undefined && isNumeric(value)) return checkedPlace(key, Number(value) - Number(first), value, answers);
  throw new RowProblem(
    `${key}: ${describeValue(value)} is none of the values that were named (${Object.keys(values).join(', ')})`,
  );
}

function checkedPlace(key: string, place: number, value: unknown, answers: readonly unknown[]): number {
  if (Number.isInteger(place) && place >= 0 && place < answers.length) return place;
  throw new RowProblem(`${key}: expected the index of one of ${answers.length} answers, got ${describeValue(value)}`);
}

function placeOfName(key: string, value: unknown, answers: readonly unknown[]): number {
  const place = isText(value) ? placeOfText(value, answers) : undefined;
  if (place !== undefined) return place;
  throw new RowProblem(`${key}: names none of the ${answers.length} answers, got ${describeValue(value)}`);
}

/** The answer whose text or one of whose fields (an id, a model) a text is, or whose letter; `undefined` if not exactly one. */
function placeOfText(text: string, answers: readonly unknown[]): number | undefined {
  const called = answers.flatMap((answer, index) => (isCalled(answer, text) ? [index] : []));
  if (called.length > 0) return called.length === 1 ? called[0] : undefined;
  const letter = /^\W*([A-Za-z])\W*$/.exec(text)?.[1]?.toUpperCase();
  const place = letter === undefined ? -1 : letter.charCodeAt(0) - 65;
  return place >= 0 && place < answers.length ? place : undefined;
}

const isCalled = (answer: unknown, text: string): boolean =>
  answer === text || (isRow(answer) && Object.entries(answer).some(([key, value]) => value === text && mayName(key)));

const mayName = (key: string): boolean =>
  TEXT_KEYS.includes(key) || /(?:^|_)(?:id|model|name|key|label|letter)$/i.test(key);

/** Whether the numbers of a column count from 0 or from 1, as the first rows prove. */
function provenFirstIndex(key: string, path: string, { sample }: FormatContext): 0 | 1 | undefined {
  const answersAt = columnReader(path.split('.'));
  const seen = sample.flatMap((row) => {
    const answers = listIn(answersAt(row));
    return answers === undefined || !isNumeric(row[key]) ? [] : [{ index: Number(row[key]), count: answers.length }];
  });
  const fromZero = seen.some(({ index }) => index === 0);
  const fromOne = seen.some(({ index, count }) => index === count);
  if (fromZero === fromOne) return undefined;
  if (fromOne) return 1;
  const isIndex = seen.some(({ index }) => index > 1) || wordsOf(key).some((word) => INDEX_WORDS.has(word));
  return isIndex ? 0 : undefined;
}
