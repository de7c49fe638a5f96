/** Verdicts in words: the name of an answer's column or what tells it from the other, a comparison, a model, an id. */
import { describeValue } from '../../core/describe-value.js';
import { isText, type Row } from '../fields.js';
import { plainName, wordsOf } from '../names.js';
import { RowProblem } from '../row-problem.js';
import type { Candidates, VerdictReader, Winner } from './candidates.js';
import { mayStandInVerdict, verdictWords } from './phrase.js';
import { isTiePart, isTieWord, markerPairs } from './words.js';

/**
 * A verdict that is the name of a column, its marker (`A`, `model_b`, `Answer B is better`), or what else the answers are
 * called: a model, an id, their own text.
 */
export function nameReader(column: string, candidates: Candidates): VerdictReader {
  const { a, b, markers, names } = candidates;
  const [nameA, nameB] = [plainName(a), plainName(b)];
  const columnWords = columnWordsOf(a, b);
  return (given, row) => {
    if (!isText(given) || given.trim() === '')
      throw new RowProblem(`${column}: names no answer, got ${describeValue(given)}`);
    const value = bracketedVerdict(given) ?? given;
    if (isTieWord(value)) return 'tie';
    const plain = plainName(value);
    if (plain === nameA) return 'a';
    if (plain === nameB) return 'b';
    const compared = /^\W*([\w ]+?)\W*?(>+|<+|=+)\W*([\w ]+?)\W*$/.exec(value);
    if (compared !== null) return comparedSide(compared, [nameA, nameB], markers, value, column);
    const called = sideCalled(value, row, names ?? []);
    const marked = markers === undefined ? undefined : markedSide(value, markers, columnWords);
    if (called !== undefined && marked !== undefined && called !== marked)
      throw new RowProblem(`${column}: names both ${a} and ${b}, got ${describeValue(value)}`);
    const side = called ?? marked;
    if (side !== undefined) return side;
    throw new RowProblem(`${column}: names neither ${a} nor ${b}, got ${describeValue(value)}`);
  };
}

/** Whether a text can be a verdict: a short one, or one that says it in brackets. */
export const mayBeVerdict = (text: string): boolean => text.length < 80 || bracketedVerdict(text) !== undefined;

/** `... so my final verdict is [[A]]`: what a judge puts in double brackets, if that is one thing. */
function bracketedVerdict(text: string): string | undefined {
  const marks = new Set([...text.matchAll(/\[\[([^[\]]{1,40})\]\]/g)].map(([, inside = '']) => inside.trim()));
  const [only] = marks;
  return marks.size === 1 ? only : undefined;
}

/** The answer whose model, id or text the value is. */
function sideCalled(value: string, row: Row, names: NonNullable<Candidates['names']>): Winner | undefined {
  for (const namesOf of names) {
    const [first, second] = namesOf(row);
    if (first === second) continue;
    if (value === first) return 'a';
    if (value === second) return 'b';
  }
  return undefined;
}

/** Up to so many words a value is a verdict, and no reasoning that speaks of both answers. */
const FEW_WORDS = 6;

/**
 * The answer that a few words point at by its marker: `A`, `model_b`, `Answer B is better`. Of any word more than those
 * that praise or name an answer nobody knows what it does: `A fails`, `anything but A`.
 */
function markedSide(
  value: string,
  markers: readonly [string, string],
  columnWords: ReadonlySet<string>,
): Winner | undefined {
  const words = verdictWords(value);
  if (words.length > FEW_WORDS) return undefined;
  if (words.some(isTiePart)) return 'tie';
  const named = words.filter((word) => markers.includes(word));
  const pointers = named.length > 0 ? named.map((word) => markers.indexOf(word)) : words.flatMap(placeOfWord);
  const further = words.filter((word) => !named.includes(word) && placeOfWord(word).length === 0);
  if (further.some((word) => !mayStandInVerdict(word) && !columnWords.has(word))) return undefined;
  const [first, ...others] = pointers;
  if (first === undefined || others.length > 0 || ARTICLE.test(value)) return undefined;
  return first === 0 ? 'a' : 'b';
}

/** Words that count the answers whatever these are called; digits may count from 0 or from 1, and are no such words. */
const placeOfWord = (word: string): readonly number[] =>
  markerPairs().flatMap((pair) => (/\d|one|two/.test(pair[0]) || !pair.includes(word) ? [] : [pair.indexOf(word)]));

/** `a little`, `a draw`: no answer called a. */
const ARTICLE =
  /(?<!\w)a (?!is\b|was\b|has\b|better\b|wins?\b|won\b|best\b|preferred\b|(?:much|slightly|clearly|strongly) better)[a-z]/;

/** `A>B`, `[[B>>A]]`, `A=B`. */
function comparedSide(
  [, left = '', sign = '', right = '']: RegExpExecArray,
  columns: readonly [string, string],
  markers: Candidates['markers'],
  value: string,
  column: string,
): Winner {
  const placeOf = (name: string): number =>
    Math.max(columns.indexOf(plainName(name)), markers?.indexOf(plainName(name)) ?? -1);
  const [l, r] = [placeOf(left), placeOf(right)];
  const inOrder = l === 0 && r === 1;
  if ((!inOrder && !(l === 1 && r === 0)) || /[<>]=|=[<>]/.test(value))
    throw new RowProblem(`${column}: compares neither answer, got ${describeValue(value)}`);
  if (sign.startsWith('=')) return 'tie';
  return sign.startsWith('>') === inOrder ? 'a' : 'b';
}

/**
 * `Model 0` of answers 1 and 2, `Model 1` alone of answers 0 and 1: such words may count from where the columns do not.
 * @returns what has to be asked.
 */
export function unclearCount(
  column: string,
  { a, b, markers }: Candidates,
  values: readonly unknown[],
): string | undefined {
  if (markers === undefined || !/\d/.test(markers[0])) return undefined;
  const known = [plainName(a), plainName(b)];
  const others = values
    .filter(isText)
    .filter((value) => !known.includes(plainName(value)) && isFewWords(value, columnWordsOf(a, b)));
  const digits = new Set(others.flatMap((value) => verdictWords(value).filter((word) => DIGIT.test(word))));
  const isProved = [...digits].every((digit) => markers.includes(digit)) && (markers[0] === '1' || digits.has('0'));
  return digits.size === 0 || isProved
    ? undefined
    : `${column} holds ${describeValue(others[0])}, and nothing says which number is ${a} and which ${b}`;
}

const DIGIT = /^[0-2]$/;

const columnWordsOf = (a: string, b: string): ReadonlySet<string> => new Set([...wordsOf(a), ...wordsOf(b)]);

/** Whether a value is nothing but a number and words such as `answer` and `better`; `llama-2` is the name of a model. */
const isFewWords = (value: string, columnWords: ReadonlySet<string>): boolean =>
  verdictWords(value).every((word) => DIGIT.test(word) || mayStandInVerdict(word) || columnWords.has(word));
