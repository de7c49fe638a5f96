/** Columns of a row that nothing reads: all are reported, and those that may change what the pair means stop the reading. */
import type { ColumnMapping } from './columns.js';
import { isList, isRow, isText, type Row } from './fields.js';
import { describesRow } from './formats/other-texts.js';
import type { Reading } from './formats/format.js';
import { CHAT_PROMPT_NAMES } from './formats/vocabulary.js';
import { plainName, wordsOf } from './names.js';
import { isWordy, columnReader, type Column, type RowShape } from './shape.js';
import { isTieWord } from './verdict/words.js';

/** A column that may change what is asked or which answer is better. */
export interface Concern {
  readonly path: string;
  /** What it looks like, and the option that reads it. */
  readonly flag: string;
  /** Whether the row is understood without it: it is empty there, or what it says is read already. */
  isExcused(row: Row): boolean;
}

/** What of a shape's columns nothing reads. */
export interface Unread {
  /** Paths of texts and messages. */
  readonly columns: readonly string[];
  readonly concerns: readonly Concern[];
}

/** Part of an answer in a column of its own, which no role reads. */
const ANSWER_BEGINNING = 'beginning of the answer';

/** What a text of this name may be, by its words, and the role in which it is read. */
const ROLES: readonly (readonly [role: string, words: readonly string[]])[] = [
  ['system', ['system', 'persona', 'sys']],
  [
    'history',
    ['history', 'turns', 'conversation', 'conversations', 'messages', 'dialogue', 'dialog', 'trajectory', 'chat'],
  ],
  [
    'input',
    [
      'context',
      'contexts',
      'schema',
      'document',
      'documents',
      'passage',
      'passages',
      'article',
      'background',
      'knowledge',
      'input',
      'evidence',
      'table',
      'story',
    ],
  ],
  ['tools', ['tools', 'functions']],
  ['prompt', ['prompt', 'question', 'query', 'instruction', 'instructions', 'problem']],
  [ANSWER_BEGINNING, ['steps', 'prefix', 'prefill']],
];
/** A mark that a row's answers stand the other way round. */
const EXCHANGES = new Set(['swapped', 'flipped', 'reversed', 'inverted', 'switched']);
const VERDICTS = new Set(['winner', 'preference', 'preferred', 'choice', 'verdict', 'better']);
/** Words of what was said about the pair, not in it. */
const ABOUT = new Set([
  ...[
    'judge',
    'judging',
    'labelling',
    'labeling',
    'generation',
    'rating',
    'eval',
    'evaluation',
    'annotation',
    'annotator',
  ],
  ...[
    'feedback',
    'critique',
    'rationale',
    'template',
    'judgment',
    'judgement',
    'response',
    'answer',
    'completion',
    'chosen',
    'rejected',
  ],
]);
/** Marks that a rendered prompt has around the same text. */
const MARKS =
  /<\|[^|>]*\|>|<\/?s>|\[\/?INST\]|<start_of_turn>|<end_of_turn>|\b(?:user|assistant|system|human|model|begin_of_text)\b:?|[\s:#]+/gi;

/** The columns that a reading leaves aside. @param ignored Paths that the user wants to be left out. */
export function unreadColumns(
  shape: RowShape,
  reading: Reading,
  columns: ColumnMapping,
  ignored: ReadonlySet<string>,
): Unread {
  const isUsed = (path: string): boolean =>
    [...reading.used, ...ignored].some((used) => path === used || path.startsWith(`${used}.`));
  const holdsUsed = (path: string): boolean => [...reading.used].some((used) => used.startsWith(`${path}.`));
  const unread = shape.columns.filter((column) => !isUsed(column.path) && isWordy(column) && !isNumberText(column));
  const objects = shape.columns.filter(
    ({ kind, path }) => (kind === 'object' || kind === 'objects') && !isUsed(path) && !holdsUsed(path),
  );
  const inWhole = (path: string): boolean => objects.some((object) => path.startsWith(`${object.path}.`));
  const told = [
    ...unread.map(({ path }) => path).filter((path) => !inWhole(path)),
    ...objects.map(({ path }) => path).filter((path) => !inWhole(path)),
  ];
  const texts = askedTexts(reading);
  const judged =
    reading.roles['verdict'] !== undefined ||
    reading.roles['answers'] !== undefined ||
    reading.roles['score'] !== undefined;
  const verdicts = judged ? [] : shape.columns.filter((column) => !isUsed(column.path) && isVerdict(column));
  return {
    columns: told,
    concerns: [
      ...unread.filter(({ path }) => !inWhole(path)).flatMap((column) => concernOf(column, columns, texts)),
      ...objects
        .filter(({ name, kind }) => kind === 'objects' && ['tools', 'functions'].includes(name))
        .flatMap((column) => concernOf(column, columns, texts)),
      ...verdicts.map((column) => verdictConcern(column)),
    ],
  };
}

/** The role that a column of this name has as a rule; `undefined` for one that describes the row. */
export function likelyRole(name: string): string | undefined {
  const words = wordsOf(name);
  const last = words.at(-1) ?? '';
  if (words.some((word) => ABOUT.has(word)) || describesRow(name)) return undefined;
  if (words[0] === 'system') return 'system';
  if (plainName(name) === 'text') return 'input';
  return ROLES.find(([, own]) => own.includes(last))?.[0];
}

/** A dialogue is earlier turns whatever it is called, unless its name says what else it is. */
function roleOf({ path, kind, sample }: Column): string | undefined {
  const isDialogue =
    kind === 'messages' ||
    kind === 'conversations' ||
    (kind === 'lists' && isList(sample) && isList(sample[0]) && isText(sample[0][0]));
  const named = likelyRole(path);
  if (named !== undefined || !isDialogue) return named;
  return wordsOf(path).some((word) => ABOUT.has(word)) ? undefined : 'history';
}

function concernOf(column: Column, columns: ColumnMapping, textsOf: (row: Row) => string[]): Concern[] {
  const role = roleOf(column);
  // Where the user has named the prompt, another column that could be one is known not to be it.
  if (role === undefined || (role === 'prompt' && columns.prompt !== undefined)) return [];
  if (columns.prompt !== undefined && CHAT_PROMPT_NAMES.includes(column.name)) return [];
  const at = columnReader(column.keys);
  return [
    {
      path: column.path,
      flag: flagOf(role, column),
      isExcused(row) {
        const own: string[] = [];
        collectTexts(at(row), own);
        if (own.every((text) => text.trim() === '')) return true;
        const read = textsOf(row);
        return own.every((text) => read.some((other) => isSaid(text.trim(), other) || isRendering(text, other)));
      },
    },
  ];
}

/** The option that reads a column in its role. */
function flagOf(role: string, { path, kind }: Column): string {
  if (role === ANSWER_BEGINNING) return 'write it into the prompt or into both answers of the file';
  // Earlier turns as one text are nothing but text.
  return `--columns ${role === 'history' && kind === 'text' ? 'input' : role}=${path}`;
}

/** A few letters are inside nearly every text and say nothing. */
const isSaid = (text: string, read: string): boolean =>
  read.trim() === text || (text.length >= 4 && read.includes(text));

/** Whether a text is another one with the marks of a template around it. */
const isRendering = (text: string, inside: string): boolean =>
  inside.trim() !== '' && text.includes(inside.trim()) && text.replace(inside.trim(), '').replace(MARKS, '') === '';

const isVerdict = ({ path, kind, keys }: Column): boolean =>
  keys.length === 1 &&
  ['text', 'number', 'boolean'].includes(kind) &&
  (VERDICTS.has(wordsOf(path).at(-1) ?? '') || isExchange(path)) &&
  !wordsOf(path).some((word) => word === 'model' || word === 'reason');

const isExchange = (path: string): boolean => EXCHANGES.has(wordsOf(path).at(-1) ?? '');

function verdictConcern({ path, keys }: Column): Concern {
  const at = columnReader(keys);
  return {
    path,
    flag: `--columns a=...,b=...,verdict=${path}`,
    isExcused: (row) => {
      const value = at(row);
      return (
        value === null ||
        value === undefined ||
        value === '' ||
        (isExchange(path) && [false, 0, 'false', '0', 'no'].some((not) => not === value)) ||
        (isText(value) && (isTieWord(value) || ['chosen', 'good'].includes(value)))
      );
    },
  };
}

/** Every text of what is asked: prompt, system text, earlier turns, and conversations that hold them. */
function askedTexts(reading: Reading): (row: Row) => string[] {
  const readers = Object.values(reading.roles).map((path) => {
    const nested = columnReader(path.split('.'));
    return {
      isPrompt: PROMPT_ROLES.some((role) => reading.roles[role] === path),
      at: (row: Row) => row[path] ?? nested(row),
    };
  });
  return (row) => {
    const texts: string[] = [];
    for (const { isPrompt, at } of readers) {
      const value = at(row);
      if (isPrompt || !isText(value)) collectTexts(value, texts);
    }
    return texts;
  };
}
const PROMPT_ROLES = ['prompt', 'system', 'history', 'input', 'tools'];

function collectTexts(value: unknown, into: string[]): void {
  if (isText(value)) into.push(value);
  else if (isList(value)) for (const entry of value) collectTexts(entry, into);
  else if (isRow(value))
    for (const [key, inside] of Object.entries(value))
      if (!['role', 'from', 'type', 'speaker'].includes(key)) collectTexts(inside, into);
}

const isNumberText = ({ kind, sample }: Column): boolean => kind === 'text' && !Number.isNaN(Number(sample));
