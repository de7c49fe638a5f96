/** Which of two answers a verdict prefers: by name, index, model, boolean, sign, or as the user says. */
import { describeValue } from '../../core/describe-value.js';
import { isText } from '../fields.js';
import { wordsOf } from '../names.js';
import { RowProblem } from '../row-problem.js';
import { numberInText } from './goodness.js';
import { nameReader, unclearCount } from './by-name.js';
import type { Candidates, VerdictReader, Winner } from './candidates.js';
import { pointsAt } from './words.js';

export type { Candidates, VerdictReader, Winner } from './candidates.js';

/** What values of a verdict mean; `-` and `+` stand for every negative and positive number. */
export type VerdictValues = Readonly<Record<string, Winner>>;

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
  const read = pointerReader(column, candidates, samples);
  if (typeof read === 'string') return read;
  switch (pointsAt(column)) {
    case 'better':
      return read;
    case 'worse':
      return (value, row) => flip(read(value, row));
    case 'unclear':
      return `${column}: nothing says whether it names the better or the worse of ${candidates.a} and ${candidates.b}`;
  }
}

/** Which answer a verdict names, be it the better or the worse one. */
function pointerReader(column: string, candidates: Candidates, samples: readonly unknown[]): VerdictReader | string {
  const filled = samples.filter((value) => value !== null && value !== undefined && value !== '');
  const numeric = filled.filter((value) => numberOfVerdict(value) !== undefined);
  if (numeric.length > 0) {
    const numbers = new Set(numeric.map(numberOfVerdict));
    const isYesOrNo = numbers.has(0) && [...numbers].every((number) => number === 0 || number === 1);
    const yesOrNo = isYesOrNo && asksYesOrNo(column, candidates) ? booleanReader(column, candidates) : undefined;
    if (typeof yesOrNo === 'function') return yesOrNo;
    const index = indexReader(column, candidates, new Set(numeric.map((value) => numberOfVerdict(value) as number)));
    return typeof index === 'string' ? index : either(index, nameReader(column, candidates));
  }
  if (filled.some((value) => typeof value === 'boolean' || isBooleanText(value)))
    return booleanReader(column, candidates);
  return unclearCount(column, candidates, filled) ?? nameReader(column, candidates);
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
    const number = numberOfVerdict(value);
    if (value === true || number === 1 || isBooleanText(value, 'true', 'yes')) return yes;
    if (value === false || number === 0 || isBooleanText(value, 'false', 'no')) return flip(yes);
    throw new RowProblem(`${column}: expected true or false, got ${describeValue(value)}`);
  };
}

/** `is_response_1_better`, `a_wins`: 1 is a yes. Without `is`, a digit may as well count the annotators. */
const asksYesOrNo = (column: string, { markers }: Candidates): boolean => {
  const words = wordsOf(column);
  const isPraise = words.some((word) =>
    ['better', 'best', 'wins', 'won', 'preferred', 'chosen', 'selected'].includes(word),
  );
  return isPraise && (words[0] === 'is' || !/\d/.test(markers?.[0] ?? '0'));
};

const isBooleanText = (value: unknown, ...words: readonly string[]): boolean =>
  isText(value) && (words.length === 0 ? ['true', 'false', 'yes', 'no'] : words).includes(value.trim().toLowerCase());

const either =
  (index: VerdictReader, name: VerdictReader): VerdictReader =>
  (value, row) =>
    numberOfVerdict(value) === undefined ? name(value, row) : index(value, row);

function numberOfVerdict(value: unknown): number | undefined {
  if (typeof value === 'bigint') return Number(value);
  if (typeof value === 'number') return Number.isFinite(value) ? value : undefined;
  return isText(value) ? numberInText(value) : undefined;
}
