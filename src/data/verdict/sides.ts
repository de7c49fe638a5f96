/** Which of two answers a verdict prefers: by name, index, model, boolean, sign, or as the user says. */
import { describeValue } from '../../core/describe-value.js';
import { isText, type Row } from '../fields.js';
import { plainName, wordsOf } from '../names.js';
import { RowProblem } from '../row-problem.js';
import { numberInText } from './goodness.js';
import { isTieWord } from './words.js';

/** The answer that a verdict prefers. */
export type Winner = 'a' | 'b' | 'tie';

/** What values of a verdict mean; `-` and `+` stand for every negative and positive number. */
export type VerdictValues = Readonly<Record<string, Winner>>;

/** What a verdict may call the two answers. */
export interface Candidates {
  /** Columns of the two answers. */
  readonly a: string;
  readonly b: string;
  /** The words in which their names differ: a and b, 0 and 1, left and right. */
  readonly markers: readonly [string, string] | undefined;
  /** Names of the models that wrote them, where the row has them. */
  readonly models?: ((row: Row) => readonly [unknown, unknown]) | undefined;
}

/** Which answer a value of the verdict prefers. @throws RowProblem for a value that names neither answer. */
export type VerdictReader = (value: unknown, row: Row) => Winner;

/**
 * Works out, from sample values, how a verdict names its answers.
 * @param column name of the verdict, for messages and because it may itself name an answer (`is_response_0_better`).
 * @param samples values of the first rows: an index counts from 0 or from 1, and one row alone cannot tell.
 * @returns a reader, or why the verdict could mean either.
 */
export function createVerdictReader(
  column: string,
  candidates: Candidates,
  samples: readonly unknown[],
  values: VerdictValues | undefined,
): VerdictReader | string {
  if (values !== undefined) return userReader(column, values);
  const filled = samples.filter((value) => value !== null && value !== undefined && value !== '');
  const numeric = filled.filter((value) => numberOfVerdict(value) !== undefined);
  if (numeric.length > 0) {
    const index = indexReader(column, candidates, new Set(numeric.map((value) => numberOfVerdict(value) as number)));
    return typeof index === 'string' ? index : either(index, nameReader(column, candidates));
  }
  if (filled.some((value) => typeof value === 'boolean' || isBooleanText(value)))
    return booleanReader(column, candidates);
  return nameReader(column, candidates);
}

/** The other side. */
export const flip = (side: Winner): Winner => (side === 'a' ? 'b' : side === 'b' ? 'a' : 'tie');

function userReader(column: string, values: VerdictValues): VerdictReader {
  return (value) => {
    const text = String(value);
    const number = numberOfVerdict(value);
    const side =
      values[text] ??
      (number === undefined
        ? undefined
        : (values[String(number)] ?? (number < 0 ? values['-'] : number > 0 ? values['+'] : undefined)));
    if (side !== undefined) return side;
    throw new RowProblem(
      `${column}: ${describeValue(value)} is none of the values that were named (${Object.keys(values).join(', ')})`,
    );
  };
}

function indexReader(column: string, { a, b, markers }: Candidates, seen: ReadonlySet<number>): VerdictReader | string {
  const numbers = [...seen].sort((x, y) => x - y);
  const ask = `${column} holds ${numbers.slice(0, 6).join(', ')}, and nothing says which of them prefers ${a} and which ${b}`;
  const [first, second] = markers ?? [];
  if (first === '0' && second === '1' && numbers.every((number) => number === 0 || number === 1))
    return exactly(column, 0, 1);
  // From 1 only where a 2 proves it: of 0 and 1 the 1 would be the second answer, or a yes to the first.
  if (first === '1' && second === '2' && seen.has(2) && numbers.every((number) => number === 1 || number === 2))
    return exactly(column, 1, 2);
  return ask;
}

const exactly =
  (column: string, first: number, second: number): VerdictReader =>
  (value) => {
    const number = numberOfVerdict(value);
    if (number === first) return 'a';
    if (number === second) return 'b';
    throw new RowProblem(`${column}: expected ${first} or ${second}, got ${describeValue(value)}`);
  };

/** A sign: below 0 the one answer, above it the other, 0 a tie. For formats that say so. */
export const signReader =
  (column: string, negative: 'a' | 'b'): VerdictReader =>
  (value) => {
    const number = numberOfVerdict(value);
    if (number === undefined) throw new RowProblem(`${column}: expected a number, got ${describeValue(value)}`);
    if (number === 0) return 'tie';
    return number < 0 ? negative : flip(negative);
  };

function booleanReader(column: string, { a, b, markers }: Candidates): VerdictReader | string {
  const words = wordsOf(column);
  const named = markers?.filter((marker) => words.includes(marker)) ?? [];
  if (
    named.length !== 1 ||
    words.some((word) => ['not', 'worse', 'rejected', 'bad', 'safe', 'unsafe', 'correct'].includes(word))
  )
    return `${column} is true or false, and nothing says whether true prefers ${a} or ${b}`;
  const yes: Winner = named[0] === markers?.[0] ? 'a' : 'b';
  return (value) => {
    if (value === true || isBooleanText(value, 'true')) return yes;
    if (value === false || isBooleanText(value, 'false')) return flip(yes);
    throw new RowProblem(`${column}: expected true or false, got ${describeValue(value)}`);
  };
}

const isBooleanText = (value: unknown, ...words: readonly string[]): boolean =>
  isText(value) && (words.length === 0 ? ['true', 'false'] : words).includes(value.trim().toLowerCase());

/** A verdict that is the name of a column, its marker (`A`, `model_b`, `Answer B is better`), or the name of a model. */
export function nameReader(column: string, candidates: Candidates): VerdictReader {
  const { a, b, markers, models } = candidates;
  const [nameA, nameB] = [plainName(a), plainName(b)];
  return (value, row) => {
    if (!isText(value) || value.trim() === '')
      throw new RowProblem(`${column}: names no answer, got ${describeValue(value)}`);
    if (isTieWord(value)) return 'tie';
    const plain = plainName(value);
    if (plain === nameA) return 'a';
    if (plain === nameB) return 'b';
    const compared = /^\W*([\w ]+?)\W*?(>+|<+|=+)\W*([\w ]+?)\W*$/.exec(value);
    if (compared !== null) return comparedSide(compared, markers, value, column);
    if (markers !== undefined) {
      const words = wordsOf(value);
      const hits = markers.map((marker) => words.filter((word) => word === marker).length);
      const few = words.length <= 6;
      if (few && hits[0] === 1 && hits[1] === 0 && !denies(words)) return 'a';
      if (few && hits[1] === 1 && hits[0] === 0 && !denies(words)) return 'b';
    }
    const [modelA, modelB] = models?.(row) ?? [];
    if (modelA !== modelB) {
      if (value === modelA) return 'a';
      if (value === modelB) return 'b';
    }
    throw new RowProblem(`${column}: names neither ${a} nor ${b}, got ${describeValue(value)}`);
  };
}

/** `A>B`, `[[B>>A]]`, `A=B`. */
function comparedSide(
  [, left = '', sign = '', right = '']: RegExpExecArray,
  markers: Candidates['markers'],
  value: string,
  column: string,
): Winner {
  const [l, r] = [plainName(left), plainName(right)];
  const inOrder = l === markers?.[0] && r === markers[1];
  if (!inOrder && !(l === markers?.[1] && r === markers?.[0]))
    throw new RowProblem(`${column}: compares neither answer, got ${describeValue(value)}`);
  if (sign.startsWith('=')) return 'tie';
  return sign.startsWith('>') === inOrder ? 'a' : 'b';
}

/** `not A`, `A is worse`, `loses to B`. */
const denies = (words: readonly string[]): boolean =>
  words.some((word) =>
    ['not', 'worse', 'worst', 'rejected', 'bad', 'loses', 'lost', 'loser', 'than', 'no'].includes(word),
  );

const either =
  (index: VerdictReader, name: VerdictReader): VerdictReader =>
  (value, row) =>
    numberOfVerdict(value) === undefined ? name(value, row) : index(value, row);

function numberOfVerdict(value: unknown): number | undefined {
  if (typeof value === 'bigint') return Number(value);
  if (typeof value === 'number') return Number.isFinite(value) ? value : undefined;
  return isText(value) ? numberInText(value) : undefined;
}
