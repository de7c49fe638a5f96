/** How good each answer of a list is: by something in the row that says so; by the order only where the user says so. */
import { describeValue } from '../../core/describe-value.js';
import { MrpoError } from '../../core/errors.js';
import { isList, isRow, isText, type Row } from '../fields.js';
import { plainName, wordsOf } from '../names.js';
import { RowProblem } from '../row-problem.js';
import { directionOf, isRank } from '../verdict/direction.js';
import { goodnessOf, isNumeric } from '../verdict/goodness.js';
import { goodnessOfWord, isGrade, isTieWord } from '../verdict/words.js';
import type { FormatContext } from './format.js';
import { describesRow } from './other-texts.js';

/** How good one answer is. */
export interface AnswerScore {
  /** Higher is better. */
  readonly score: number;
  /** The score for people, with its name: "rating 4", "place 1". */
  readonly shown: string;
}

/** Marks inside an answer that say yes or no to it. */
const FLAGS = new Set([
  'selected',
  'is_selected',
  'preferred',
  'is_preferred',
  'best',
  'is_best',
  'chosen',
  'is_chosen',
  'accepted',
  'is_accepted',
  'winner',
  'is_winner',
  'liked',
]);

/** Fields in which a yes is praise; of another field (`contains_error: yes`) nobody knows. */
const LABELS = new Set(['label', 'preference', 'feedback', 'vote', 'thumbs', 'verdict', 'preference_label']);

/** Keys of the text inside an answer. */
export const TEXT_KEYS: readonly string[] = [
  ...['text', 'content', 'response', 'answer', 'completion', 'output', 'generation', 'message', 'messages'],
];

/** Lists of a row that say nothing about its answers, whatever their length. */
const OTHER_LISTS = new Set(['prompt', 'tools', 'history', 'messages']);

/** What scores the answers: a list beside them, or a field inside each. */
type Source = { readonly beside: string } | { readonly inside: string };

/**
 * One score per answer of the list `name`. Numbers that contradict each other are nobody's to choose between, and
 * numbers of unknown meaning nobody's to pass over: the user names what counts.
 * @throws RowProblem if only some answers have a score, several things score them, or an unknown one may.
 */
export function answerScores(
  row: Row,
  name: string,
  answers: readonly unknown[],
  context: FormatContext,
): AnswerScore[] {
  const source =
    context.score === undefined ? onlySource(row, name, answers) : namedSource(row, answers, context.score);
  if (source === undefined) {
    refusePointer(row, name, answers, context.ignore);
    if (!context.named) refuseUnknown(row, name, answers);
    return answers.map((_, index) => ({ score: -index, shown: `place ${index + 1}` }));
  }
  const label = 'beside' in source ? source.beside : source.inside;
  const sign = lowerIsBetter(label, context) ? -1 : 1;
  const values = 'beside' in source ? listedScores(row, label, answers.length) : ownScores(answers, label, name);
  return values.map(({ value, where }) => ({
    score: sign * goodnessOf(value, where),
    shown: `${label} ${String(value)}`,
  }));
}

/**
 * Whether less of a score is better: as the user says, else by its name.
 * @throws RowProblem where the name says that less is better, and the user has not said so.
 */
export function lowerIsBetter(label: string, { lowerIsBetter: said }: Pick<FormatContext, 'lowerIsBetter'>): boolean {
  if (said !== undefined) return said;
  if (isRank(label)) return true;
  if (directionOf(label) !== 'lower') return false;
  throw new RowProblem(
    `${label}: less of it is usually better; say so (--lower-is-better), or that more is (--higher-is-better)`,
  );
}

function namedSource(row: Row, answers: readonly unknown[], score: string): Source {
  const column =
    Object.keys(row).find((key) => key === score) ??
    Object.keys(row).find((key) => plainName(key) === plainName(score));
  if (column !== undefined) return { beside: column };
  const inside = answers.filter(isRow).flatMap(Object.keys);
  const key = inside.find((own) => own === score) ?? inside.find((own) => plainName(own) === plainName(score));
  if (key !== undefined) return { inside: key };
  throw new RowProblem(
    `${score}: neither a list beside the answers nor a field inside them; they have ${[...new Set([...Object.keys(row), ...inside])].slice(0, 10).join(', ')}`,
  );
}

function onlySource(row: Row, name: string, answers: readonly unknown[]): Source | undefined {
  const lists = Object.keys(row).filter(
    (key) =>
      key !== name &&
      isThere(row[key]) &&
      (directionOf(key) === 'higher' || isRank(key)) &&
      scoresAnswers(key, row[key], answers),
  );
  const fields = [...new Set(answers.filter(isRow).flatMap(Object.keys))].filter((key) => isScoreField(key, answers));
  const [first, second] = [...lists, ...fields];
  if (second !== undefined)
    throw new RowProblem(`${first} and ${second} both score the answers; name the one that counts (--score ${first})`);
  if (first === undefined) return undefined;
  return lists.length > 0 ? { beside: first } : { inside: first };
}

/** `scores` of whatever type is meant for the answers; a number called `chosen_score` is not. */
const scoresAnswers = (key: string, value: unknown, answers: readonly unknown[]): boolean =>
  isList(value)
    ? value.length === answers.length || KNOWN_LISTS.has(plainName(key))
    : KNOWN_LISTS.has(plainName(key)) && !isNumeric(value);
const KNOWN_LISTS = new Set(['scores', 'ratings', 'rewards', 'ranks']);

function isScoreField(key: string, answers: readonly unknown[]): boolean {
  if (TEXT_KEYS.includes(key)) return false;
  const values = answers.map((answer) => (isRow(answer) ? answer[key] : undefined));
  const present = values.filter(isThere);
  if (present.length === 0) return false;
  const word = plainName(key);
  if (FLAGS.has(word) && present.every((value) => typeof value === 'boolean' || isZeroOrOne(value))) return true;
  const words = present.filter(isText);
  if (words.length === answers.length && words.every((text) => goodnessOfWord(text) !== undefined))
    return words.every(isGrade) || FLAGS.has(word) || LABELS.has(word);
  return directionOf(key) === 'higher' || isRank(key);
}

const isZeroOrOne = (value: unknown): boolean => isNumeric(value) && [0, 1].includes(Number(value));

interface Found {
  readonly value: unknown;
  readonly where: string;
}

function listedScores(row: Row, source: string, count: number): Found[] {
  const list = listIn(row[source]);
  if (list === undefined) throw new RowProblem(`${source}: expected a list, got ${describeValue(row[source])}`);
  if (list.length === count)
    return list.map((value, index) => ({
      value: numberLike(value, `${source}[${index}]`),
      where: `${source}[${index}]`,
    }));
  throw new RowProblem(`${source}: expected ${count} numbers, one per response, got ${list.length}`);
}

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

/** Scores beside answers are numbers (or booleans where the user names them), never words. */
function numberLike(value: unknown, where: string): unknown {
  if (isNumeric(value) || typeof value === 'boolean') return value;
  throw new RowProblem(`${where}: expected a number, got ${describeValue(value)}`);
}

function ownScores(answers: readonly unknown[], source: string, name: string): Found[] {
  return answers.map((answer, index) => {
    const value = isRow(answer) ? answer[source] : undefined;
    if (isThere(value)) return { value, where: `${name}[${index}].${source}` };
    throw new RowProblem(`${name}[${index}]: has no ${source}; expected one in every answer`);
  });
}

/** Words of a column that points at one of the answers, as good or as bad. */
const POINTING = new Set([
  ...[
    'chosen',
    'choice',
    'best',
    'preference',
    'preferred',
    'winner',
    'winning',
    'selected',
    'gold',
    'correct',
    'better',
  ],
  ...['label', 'worst', 'rejected', 'loser', 'losing', 'worse'],
]);
/** What may stand beside such a word: of other names (`label_model`) nobody knows. */
const POINTER_PARTS = new Set([
  ...['index', 'idx', 'id', 'position', 'pos', 'number', 'no', 'num', 'answer', 'response', 'completion', 'output'],
]);

/** @throws RowProblem for a number or word that may pick one of the answers: their order alone would pass over it. */
function refusePointer(row: Row, name: string, answers: readonly unknown[], ignore: readonly string[]): void {
  const pointer = Object.keys(row).find((key) => {
    const words = wordsOf(key);
    return (
      key !== name &&
      !ignore.includes(key) &&
      words.some((word) => POINTING.has(word)) &&
      words.every((word) => POINTING.has(word) || POINTER_PARTS.has(word)) &&
      (isNumeric(row[key]) || (isText(row[key]) && !isTieWord(row[key])))
    );
  });
  if (pointer === undefined) return;
  const way =
    answers.length === 2
      ? `--columns a=${name}.0,b=${name}.1,verdict=${pointer} --verdict VALUE=a,VALUE=b`
      : `leave it out with --ignore ${pointer} only if the answers stand best first`;
  throw new RowProblem(`${pointer}: may say which of the ${answers.length} ${name} is better or worse (${way})`);
}

function refuseUnknown(row: Row, name: string, answers: readonly unknown[]): never {
  const bestFirst = `the format if the answers stand best first (--format scored-list)`;
  const empty = [...KNOWN_LISTS].find((known) => row[known] === null);
  const list = Object.keys(row).find((field) => {
    const value = row[field];
    return (
      field !== name &&
      !OTHER_LISTS.has(field) &&
      isList(value) &&
      value.length === answers.length &&
      !isText(value.find(isThere)) &&
      value.some(isThere)
    );
  });
  if (list !== undefined)
    throw new RowProblem(`${list}: may score the ${name}; name it if it does (${scoreFlag(list)}), or ${bestFirst}`);
  const field = answers
    .filter(isRow)
    .flatMap(Object.entries)
    .find(([key, value]) => ['number', 'bigint', 'boolean'].includes(typeof value) && !describesRow(key))?.[0];
  if (field !== undefined)
    throw new RowProblem(`${name}[].${field}: may be a score; name it if it is (${scoreFlag(field)}), or ${bestFirst}`);
  if (empty !== undefined)
    throw new RowProblem(`${empty}: expected a list of scores, got ${describeValue(null)}; or name ${bestFirst}`);
  throw new RowProblem(`${name}: nothing says which of the ${answers.length} answers is better; name ${bestFirst}`);
}

/** The option that reads a score rightly; where the name does not say so, both ways are the user's to know. */
const scoreFlag = (name: string): string =>
  directionOf(name) === 'lower' && !isRank(name)
    ? `--score ${name} --lower-is-better if less is better`
    : `--score ${name}`;

/**
 * Refuses a named score where the format does not score answers.
 * @throws MrpoError where a score is named for rows in which nothing is scored.
 */
export function refuseScore(score: string | undefined, format: string): void {
  if (score === undefined) return;
  throw new MrpoError('config', `data.score: rows of format ${format} are not scored, got ${JSON.stringify(score)}`, {
    hint: 'Leave it out, or name the format whose answers it scores (mrpo data --list-formats).',
  });
}

const isThere = (value: unknown): boolean => value !== undefined && value !== null;
