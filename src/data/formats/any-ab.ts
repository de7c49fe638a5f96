import { wordsOf } from '../names.js';
import { columnReader, type Column, type RowShape, type ValueKind } from '../shape.js';
import { directionOf, namesScore } from '../verdict/direction.js';
import { isNumeric } from '../verdict/goodness.js';
import type { Row } from '../fields.js';
import { mayBeVerdict } from '../verdict/by-name.js';
import { markerPairs, pointsAt, type Markers } from '../verdict/words.js';
import { abReading } from './ab-columns.js';
import { decideByBoth, decideByScores, decideByVerdict, type Decide } from './decide.js';
import { each } from './examples.js';
import { createFinder, type Finder } from './finder.js';
import type { Format, FormatContext, Mismatch } from './format.js';
import { takePromptParts } from './prompt-parts.js';
import { ANSWER, ANSWER_WORDS, CHAT_PROMPT_NAMES, PROMPT_NAMES } from './vocabulary.js';

/** What further words make a column say something about an answer instead of being one. */
const ABOUT = new Set([
  ...[
    'model',
    'source',
    'name',
    'id',
    'feedback',
    'critique',
    'rationale',
    'reason',
    'reasoning',
    'explanation',
    'sha',
    'quotes',
  ],
  ...[
    'tokens',
    'score',
    'rating',
    'type',
    'category',
    'url',
    'author',
    'policy',
    'comment',
    'better',
    'worse',
    'safe',
    'rank',
  ],
]);
const VERDICT_WORDS = new Set([
  ...[
    'winner',
    'verdict',
    'preference',
    'preferred',
    'choice',
    'better',
    'best',
    'vote',
    'judgment',
    'judgement',
    'selected',
  ],
  ...['chosen', 'label', 'labels', 'result', 'annotation', 'pick', 'win', 'won', 'wins', 'overall', 'prefer', 'pref'],
  ...['worse', 'worst', 'loser', 'losing', 'lost', 'rejected', 'dispreferred', 'eliminated'],
]);
const NO_VERDICT = new Set([
  'reason',
  'reasoning',
  'explanation',
  'strength',
  'model',
  'source',
  'raw',
  'comment',
  'annotator',
  'safer',
  'confidence',
]);

/** Two answers under any names that differ in A and B, and a verdict or two scores. */
export const anyAb: Format = {
  name: 'ab',
  scored: true,
  summary:
    '{prompt, answer A, answer B, and a winner or two scores}: under names that differ in A and B, 0 and 1, 1 and 2, left and right',
  sources: 'spreadsheets, Align-Anything, judge outputs; any data set by --columns',
  examples: each((question, good, bad, index) => ({
    Prompt: question,
    'Answer A': index % 2 === 0 ? good : bad,
    'Answer B': index % 2 === 0 ? bad : good,
    Winner: 'AB'[index % 2],
  })),
  flags: '--columns prompt=...,a=...,b=...,verdict=... --verdict VALUE=a,VALUE=b,VALUE=tie',
  match(shape, context, strict) {
    const finder = createFinder(shape, context, strict);
    const answers = takeAnswers(finder, shape, context);
    if ('mismatch' in answers) return answers;
    const asked =
      finder.take('prompt', ['prompt', ...PROMPT_NAMES], ['text']) ??
      finder.take('prompt', ['prompt', ...CHAT_PROMPT_NAMES], ['messages', 'message']);
    if (strict && asked === undefined && answers.a.kind !== 'messages')
      return finder.refuse('prompt: missing; expected text or a list of messages');
    const decide = takeDecision(finder, shape, answers, context);
    if (typeof decide !== 'function') return decide;
    const parts = takePromptParts(finder, asked, context);
    return abReading(finder, { ...parts, a: answers.a, b: answers.b }, decide, context);
  },
};

interface Answers {
  readonly a: Column;
  readonly b: Column;
  readonly markers: Markers | undefined;
}

function takeAnswers(finder: Finder, shape: RowShape, context: FormatContext): Answers | Mismatch {
  if (context.columns.a !== undefined || context.columns.b !== undefined) {
    const [a, b] = [finder.need('a', ['a'], ANSWER), finder.need('b', ['b'], ANSWER)];
    if (a === undefined || b === undefined) return finder.mismatch() ?? finder.refuse('a, b: missing');
    // A place in a list is no name that the file gives: its verdict may count from 1.
    const isPlace = (column: Column): boolean => /^\d+$/.test(column.keys.at(-1) ?? '');
    return { a, b, markers: isPlace(a) || isPlace(b) ? undefined : markersOf(a.name, b.name) };
  }
  const pairs = answerPairs(shape);
  const [only] = pairs;
  if (only === undefined)
    return finder.refuse('two answers: no two columns of texts whose names differ in A and B, 0 and 1, 1 and 2');
  if (pairs.length > 1)
    return finder.refuse(
      `two answers: ${pairs.map(({ a, b }) => `${a.path} and ${b.path}`).join(', or ')}; name them (--columns a=...,b=...)`,
    );
  finder.use('a', only.a);
  finder.use('b', only.b);
  return only;
}

/** Pairs of columns that hold two answers: their names are the same but for one word. */
export function answerPairs(shape: RowShape): Answers[] {
  const texts = shape.columns.filter(
    ({ kind, path }) => ANSWER.includes(kind) && !wordsOf(path).some((word) => ABOUT.has(word)),
  );
  const named = texts.filter(
    ({ path }) => wordsOf(path).some((word) => ANSWER_WORDS.has(word)) || wordsOf(path).length === 1,
  );
  return pairsByMarker(named).filter(({ a, b }) => a.kind === b.kind);
}

function pairsByMarker(columns: readonly Column[]): Answers[] {
  return columns.flatMap((a) =>
    columns.flatMap((b) => {
      const markers = markersOf(a.name, b.name);
      return markers === undefined ? [] : [{ a, b, markers }];
    }),
  );
}

/** The two words in which names differ, where they are a known pair. */
function markersOf(a: string, b: string): Markers | undefined {
  const [left, right] = [wordsOf(a), wordsOf(b)];
  if (left.length !== right.length) return undefined;
  const differ = left.flatMap((word, index) => (word === right[index] ? [] : [[word, right[index] ?? ''] as const]));
  const [only] = differ;
  if (only === undefined || differ.length > 1) return undefined;
  return markerPairs().find(([first, second]) => first === only[0] && second === only[1]);
}

function takeDecision(finder: Finder, shape: RowShape, answers: Answers, context: FormatContext): Decide | Mismatch {
  const verdicts = verdictColumns(finder, context);
  const scores = scoreColumns(finder, answers, context);
  const [verdict] = verdicts;
  if (verdicts.length > 1)
    return finder.refuse(
      `${verdicts.map(({ path }) => path).join(' and ')} may both be the verdict; name the one that counts (--columns verdict=${verdict?.path})`,
    );
  const byScores = scores === undefined ? undefined : decideByScores(scores.a, scores.b, context);
  if (scores !== undefined) {
    finder.use('score of a', scores.a);
    finder.use('score of b', scores.b);
  }
  if (verdict === undefined) {
    if (byScores === undefined)
      return finder.refuse(
        `${answers.a.path}, ${answers.b.path}: nothing says which is better; expected a column such as winner or preference, or two scores`,
      );
    return typeof byScores === 'string' ? finder.refuse(byScores) : byScores;
  }
  finder.use('verdict', verdict);
  const labels = labelPairs(shape, answers);
  for (const { a, b } of labels) for (const { name } of [a, b]) finder.aside(name);
  const names = [...labels, answers].map(({ a, b }) => {
    const [atA, atB] = [columnReader(a.keys), columnReader(b.keys)];
    return (row: Row) => [atA(row), atB(row)] as const;
  });
  const candidates = { a: answers.a.path, b: answers.b.path, markers: answers.markers, names };
  const byVerdict = decideByVerdict(verdict, candidates, context);
  if (typeof byVerdict === 'string')
    return finder.refuse(`${byVerdict}; say what they mean (--verdict VALUE=a,VALUE=b)`);
  return byScores === undefined || typeof byScores === 'string' ? byVerdict : decideByBoth(byVerdict, byScores);
}

const SCALAR: readonly ValueKind[] = ['text', 'number', 'boolean'];

function verdictColumns(finder: Finder, context: FormatContext): readonly Column[] {
  if (context.columns.verdict !== undefined) {
    const ordered = finder.take('verdict', ['verdict'], SCALAR);
    return ordered === undefined ? [] : [ordered];
  }
  const candidates = finder
    .rest()
    .filter(
      ({ kind, path }) =>
        SCALAR.includes(kind) &&
        wordsOf(path).some((word) => VERDICT_WORDS.has(word)) &&
        !wordsOf(path).some((word) => NO_VERDICT.has(word)),
    )
    .filter(({ kind, sample }) => kind !== 'text' || mayBeVerdict(String(sample)))
    .filter(({ path }) => !namesScore(path) || wordsOf(path).includes('preference'));
  // `label` is many things; beside a winner it is no verdict. Nor is the loser, which says the same once more.
  const plain = candidates.filter(({ name }) => !['label', 'labels', 'annotation', 'result'].includes(name));
  const better = (plain.length === 0 ? candidates : plain).filter(({ path }) => pointsAt(path) !== 'worse');
  return better.length > 0 ? better : candidates;
}

function scoreColumns(
  finder: Finder,
  { markers }: Answers,
  context: FormatContext,
): { a: Column; b: Column } | undefined {
  const ordered = context.columns.score_a !== undefined || context.columns.score_b !== undefined;
  if (ordered) {
    const [a, b] = [finder.need('score_a', ['score_a'], SCALAR), finder.need('score_b', ['score_b'], SCALAR)];
    return a === undefined || b === undefined ? undefined : { a, b };
  }
  const wanted = context.score;
  const numbers = finder
    .rest()
    .filter(
      ({ kind, sample, path }) =>
        (kind === 'number' || (kind === 'text' && isNumeric(sample))) &&
        (wanted === undefined ? namesScore(path) : wordsOf(path).join(' ').includes(wordsOf(wanted).join(' '))),
    );
  const pairs = pairsByMarker(numbers).filter((pair) => pair.markers?.[0] === markers?.[0]);
  const known = pairs.filter(({ a }) => directionOf(a.name) === 'higher');
  const [only] = known.length > 0 ? known : pairs;
  return only === undefined || (known.length > 0 ? known : pairs).length > 1 ? undefined : only;
}

/** Columns that hold what the two answers are called besides: their models, their ids. */
function labelPairs(shape: RowShape, { markers }: Answers): { readonly a: Column; readonly b: Column }[] {
  const columns = shape.columns.filter(
    ({ kind, path }) => kind === 'text' && wordsOf(path).some((word) => LABELS.has(word)),
  );
  return pairsByMarker(columns).filter((found) => found.markers?.[0] === markers?.[0]);
}
const LABELS = new Set(['model', 'generator', 'id', 'name', 'author', 'agent', 'policy', 'system']);
