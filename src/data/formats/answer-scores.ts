/** How good each answer of a list is: by something in the row that says so; by the order only where that is said. */
import { describeValue } from '../../core/describe-value.js';
import { MrpoError } from '../../core/errors.js';
import { isList, isRow, isText, type Row } from '../fields.js';
import { plainName } from '../names.js';
import { RowProblem } from '../row-problem.js';
import { columnReader } from '../shape.js';
import { directionOf, isRank } from '../verdict/direction.js';
import { goodnessOf, isNumeric } from '../verdict/goodness.js';
import { goodnessOfWord, isGrade } from '../verdict/words.js';
import { pointedScores } from './answer-pointers.js';
import { listIn, TEXT_KEYS, type AnswerScore } from './answer-list.js';
import { refuseUnclearRanking } from './answer-order.js';
import type { FormatContext } from './format.js';
import { isThere, refuseUnknownScores, refuseUnscored } from './unknown-scores.js';

/** Marks inside an answer that say yes or no to it. */
const FLAGS = new Set([
  ...['selected', 'preferred', 'best', 'chosen', 'accepted', 'winner', 'liked'].flatMap((flag) => [flag, `is_${flag}`]),
]);
/** Marks of which a yes is a no to the answer. */
const BAD_FLAGS = new Set([
  ...['rejected', 'worst', 'loser', 'disliked', 'discarded', 'dispreferred'].flatMap((flag) => [flag, `is_${flag}`]),
]);

/** Fields in which a yes is praise; of another field (`contains_error: yes`) nobody knows. */
const LABELS = new Set(['label', 'preference', 'feedback', 'vote', 'thumbs', 'verdict', 'preference_label']);

/** What scores the answers: a list beside them, numbers or objects with a number, or a field inside each. */
type Source = { readonly beside: string; readonly key?: string } | { readonly inside: string };

/**
 * One score per answer of the list at a path. Numbers that contradict each other are nobody's to choose between, and
 * numbers of unknown meaning nobody's to pass over: the user names what counts.
 * @param order `bestFirst`: where nothing scores the answers, they stand best first. Default: if the format is named.
 * @throws RowProblem if only some answers have a score, several things score them, or an unknown one may.
 */
export function answerScores(
  row: Row,
  path: string,
  answers: readonly unknown[],
  context: FormatContext,
  order: 'bestFirst' | 'unknown' = context.named ? 'bestFirst' : 'unknown',
): AnswerScore[] {
  const ordered = context.columns.verdict === undefined ? undefined : pointedScores(row, path, answers, context);
  if (ordered !== undefined) return ordered;
  const source =
    context.score === undefined ? onlySource(row, path, answers, context) : namedSource(row, answers, context.score);
  if (source !== undefined) return scoresOf(source, row, path, answers, context);
  const pointed = pointedScores(row, path, answers, context);
  if (pointed !== undefined) return pointed;
  if (!context.named) refuseUnknownScores(row, path, answers);
  if (order === 'unknown') refuseUnscored(row, path, answers);
  return answers.map((_, index) => ({ score: -index, shown: `place ${index + 1}` }));
}

function scoresOf(
  source: Source,
  row: Row,
  path: string,
  answers: readonly unknown[],
  context: FormatContext,
): AnswerScore[] {
  const label = 'beside' in source ? (source.key ?? source.beside) : source.inside;
  const isBadFlag = 'inside' in source && context.score === undefined && BAD_FLAGS.has(plainName(label));
  const sign = isBadFlag || lowerIsBetter(label, context) ? -1 : 1;
  const values = 'beside' in source ? listedScores(row, source, answers) : ownScores(answers, label, path);
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
  if (directionOf(label) !== 'lower' && !BAD_FLAGS.has(plainName(label))) return false;
  throw new RowProblem(
    `${label}: less of it is usually better; say so (--lower-is-better), or that more is (--higher-is-better)`,
  );
}

function namedSource(row: Row, answers: readonly unknown[], score: string): Source {
  const column =
    Object.keys(row).find((key) => key === score) ??
    Object.keys(row).find((key) => plainName(key) === plainName(score)) ??
    (isThere(columnReader(score.split('.'))(row)) ? score : undefined);
  if (column !== undefined) return { beside: column };
  const inside = answers.filter(isRow).flatMap(Object.keys);
  const key = inside.find((own) => own === score) ?? inside.find((own) => plainName(own) === plainName(score));
  if (key !== undefined) return { inside: key };
  throw new RowProblem(
    `${score}: neither a list beside the answers nor a field inside them; they have ${[...new Set([...Object.keys(row), ...inside])].slice(0, 10).join(', ')}`,
  );
}

function onlySource(row: Row, path: string, answers: readonly unknown[], context: FormatContext): Source | undefined {
  const beside = Object.keys(row).filter(
    (key) => key !== path && isThere(row[key]) && !context.ignore.includes(key) && !path.startsWith(`${key}.`),
  );
  const lists = beside.filter((key) => scoresByName(key, row[key], answers) || gradesAnswers(row[key], answers));
  const judged = beside.flatMap((key): Source[] => {
    const own = isList(row[key]) && row[key].length === answers.length ? scoreKeys(row[key]) : [];
    return own.length === 1 ? [{ beside: key, key: own[0] as string }] : [];
  });
  const sources: readonly Source[] = [
    ...lists.map((key) => ({ beside: key })),
    ...scoreKeys(answers).map((key) => ({ inside: key })),
    ...(lists.length > 0 ? [] : judged),
  ];
  const [first, second] = sources;
  if (first === undefined) return undefined;
  if (second !== undefined)
    throw new RowProblem(
      `${sourceName(first)} and ${sourceName(second)} both score the answers; name the one that counts (--score ${sourceName(first)})`,
    );
  if ('beside' in first && first.key === undefined) refuseUnclearRanking(first.beside, path, context);
  return first;
}

const sourceName = (source: Source): string => ('beside' in source ? source.beside : source.inside);

/** `scores` of whatever type is meant for the answers; a number called `chosen_score` is not. */
function scoresByName(key: string, value: unknown, answers: readonly unknown[]): boolean {
  if (directionOf(key) !== 'higher' && !isRank(key)) return false;
  const isKnown = KNOWN_LISTS.has(plainName(key));
  return isList(value)
    ? isKnown || (value.length === answers.length && !value.some(isRow))
    : isKnown && !isNumeric(value);
}
const KNOWN_LISTS = new Set(['scores', 'ratings', 'rewards', 'ranks']);

/** `['chosen', 'rejected']`: a word for each answer that grades it by itself. */
const gradesAnswers = (value: unknown, answers: readonly unknown[]): boolean =>
  isList(value) && value.length === answers.length && value.every((word) => isText(word) && isGrade(word));

/** Fields of objects that score them. */
const scoreKeys = (objects: readonly unknown[]): string[] =>
  [...new Set(objects.filter(isRow).flatMap(Object.keys))].filter((key) => isScoreField(key, objects));

function isScoreField(key: string, objects: readonly unknown[]): boolean {
  if (TEXT_KEYS.includes(key)) return false;
  const values = objects.map((object) => (isRow(object) ? object[key] : undefined));
  const present = values.filter(isThere);
  if (present.length === 0) return false;
  const word = plainName(key);
  if (FLAGS.has(word) || BAD_FLAGS.has(word)) {
    if (present.every((value) => typeof value === 'boolean' || isZeroOrOne(value))) return true;
  }
  const words = present.filter(isText);
  if (words.length === objects.length && words.every((text) => goodnessOfWord(text) !== undefined))
    return words.every(isGrade) || FLAGS.has(word) || LABELS.has(word);
  return directionOf(key) === 'higher' || isRank(key);
}

const isZeroOrOne = (value: unknown): boolean => isNumeric(value) && [0, 1].includes(Number(value));

interface Found {
  readonly value: unknown;
  readonly where: string;
}

function listedScores(
  row: Row,
  { beside, key }: { readonly beside: string; readonly key?: string },
  answers: readonly unknown[],
): Found[] {
  const value = beside in row ? row[beside] : columnReader(beside.split('.'))(row);
  const list = listIn(value);
  if (list === undefined) throw new RowProblem(`${beside}: expected a list, got ${describeValue(value)}`);
  if (list.length !== answers.length)
    throw new RowProblem(`${beside}: expected ${answers.length} numbers, one per response, got ${list.length}`);
  if (key === undefined)
    return list.map((entry, index) => ({
      value: numberLike(entry, `${beside}[${index}]`),
      where: `${beside}[${index}]`,
    }));
  requireSameOrder(list, answers, beside);
  return ownScores(list, key, beside);
}

/** Keys that tell whose answer it is. */
const OWNERS = ['model', 'model_name', 'id', 'name', 'generator'];

/** Objects beside the answers may stand in an order of their own, which shows where both name their models. */
function requireSameOrder(list: readonly unknown[], answers: readonly unknown[], beside: string): void {
  for (const [index, entry] of list.entries()) {
    const answer = answers[index];
    if (!isRow(entry) || !isRow(answer)) continue;
    const key = OWNERS.find((owner) => isThere(entry[owner]) && isThere(answer[owner]));
    if (key !== undefined && entry[key] !== answer[key])
      throw new RowProblem(
        `${beside}[${index}].${key}: expected ${describeValue(answer[key])} as in the answer at this place, got ${describeValue(entry[key])}`,
      );
  }
}

/** Scores beside answers are numbers (or booleans where the user names them), or words that grade by themselves. */
function numberLike(value: unknown, where: string): unknown {
  if (isNumeric(value) || typeof value === 'boolean' || (isText(value) && isGrade(value))) return value;
  throw new RowProblem(`${where}: expected a number, got ${describeValue(value)}`);
}

function ownScores(answers: readonly unknown[], source: string, name: string): Found[] {
  return answers.map((answer, index) => {
    const value = isRow(answer) ? answer[source] : undefined;
    if (isThere(value)) return { value, where: `${name}[${index}].${source}` };
    throw new RowProblem(`${name}[${index}]: has no ${source}; expected one in every answer`);
  });
}

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
