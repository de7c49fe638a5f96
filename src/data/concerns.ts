/** What makes a column that nothing reads a reason to stop: it may change what is asked or which answer is better. */
import type { ColumnMapping } from './columns.js';
import { ANSWER_PART, isAbout, isExchange, isLabel, isOrder, likelyRole, namesVerdict } from './concern-words.js';
import { isList, isRow, isText, type Row } from './fields.js';
import type { Reading } from './formats/format.js';
import { answerPairs } from './formats/any-ab.js';
import { CHAT_PROMPT_NAMES } from './formats/vocabulary.js';
import { plainName } from './names.js';
import { isNumberText, columnReader, type Column, type RowShape } from './shape.js';
import { isTieWord } from './verdict/words.js';

/** A column that may change what is asked or which answer is better. */
export interface Concern {
  readonly path: string;
  /** What it looks like, and the option that reads it. */
  readonly flag: string;
  /** Whether the row is understood without it: it is empty there, or what it says is read already. */
  isExcused(row: Row): boolean;
}

/** @param unread columns that nothing reads and the user does not leave out. */
export function concernsOf(
  shape: RowShape,
  unread: readonly Column[],
  reading: Reading,
  columns: ColumnMapping,
): readonly Concern[] {
  const asked = textsOf(reading, ASKED);
  const texts = unread.filter((column) => TEXTS.has(column.kind) && !isNumberText(column));
  const scalars = unread.filter(({ kind, keys }) => SCALARS.has(kind) && keys.length === 1);
  const { chosen, rejected, verdict, answers, score } = reading.roles;
  const judged = verdict !== undefined || answers !== undefined || score !== undefined;
  const isPair = chosen !== undefined && rejected !== undefined;
  const turned = isPair ? `a=${chosen},b=${rejected}` : 'a=...,b=...';
  return firstOfEach([
    ...placeholders(shape, reading, texts).map((column) => fillingConcern(column)),
    ...texts.flatMap((column) => askingConcern(column, reading, columns, asked)),
    ...(isPair ? otherAnswers(shape, texts, reading) : []),
    ...scalars.filter(({ path }) => isExchange(path) || isOrder(path)).map((column) => exchangeConcern(column, turned)),
    ...(judged ? [] : scalars.filter(({ path }) => namesVerdict(path)).map(verdictConcern)),
    ...(isPair && !judged ? scalars.filter(isYesOrNo).map((column) => labelConcern(column, turned)) : []),
  ]);
}

const firstOfEach = (concerns: readonly Concern[]): readonly Concern[] =>
  [...new Map([...concerns].reverse().map((concern) => [concern.path, concern])).values()].reverse();

const TEXTS: ReadonlySet<string> = new Set([
  'text',
  'message',
  'messages',
  'conversations',
  'lists',
  'texts',
  'objects',
]);
const SCALARS: ReadonlySet<string> = new Set(['text', 'number', 'boolean']);
const ASKED = ['prompt', 'system', 'history', 'input', 'tools'];

/** A text that may belong to what is asked. */
function askingConcern(
  column: Column,
  { roles, guesses }: Reading,
  columns: ColumnMapping,
  asked: (row: Row) => string[],
): Concern[] {
  const likely = roleOf(column);
  // Two texts without a prompt look for it themselves.
  if (likely === 'input' && guesses === true) return [];
  const isBeside = likely === 'input' || likely === 'history';
  const role = isBeside && roles['prompt'] === undefined ? 'prompt' : likely;
  // Where the user has named the prompt, another column that could be one is known not to be it.
  if (role === undefined || (role === 'prompt' && columns.prompt !== undefined)) return [];
  if (columns.prompt !== undefined && CHAT_PROMPT_NAMES.includes(column.name)) return [];
  return [{ path: column.path, flag: flagOf(role, column, roles['prompt']), isExcused: saidIn(column, asked) }];
}

/** Empty, or said by what is read. */
function saidIn(column: Column, textsRead: (row: Row) => string[]): Concern['isExcused'] {
  const at = columnReader(column.keys);
  return (row) => {
    const own: string[] = [];
    collectTexts(at(row), own);
    if (own.every((text) => text.trim() === '')) return true;
    const read = textsRead(row);
    return own.every((text) => read.some((other) => isSaid(text.trim(), other) || isRendering(text, other)));
  };
}

/** A dialogue is earlier turns whatever it is called, unless its name says what else it is. */
function roleOf({ path, kind, sample }: Column): string | undefined {
  const isDialogue =
    kind === 'messages' ||
    kind === 'conversations' ||
    (kind === 'lists' && isList(sample) && isList(sample[0]) && isText(sample[0][0]));
  const named = likelyRole(path);
  if (named !== undefined || !isDialogue) return named;
  return isAbout(path) ? undefined : 'history';
}

/** The option that reads a column in its role. */
function flagOf(role: string, { path, kind }: Column, prompt: string | undefined): string {
  if (role === ANSWER_PART) return 'write it into the prompt or into both answers of the file';
  if (role === 'prompt' && prompt !== undefined)
    return `--columns prompt=${path} if it takes the place of ${prompt}, system=${path} if it goes in front of it`;
  // Earlier turns as one text are nothing but text.
  return `--columns ${role === 'history' && kind === 'text' ? 'input' : role}=${path}`;
}

/** A few letters are inside nearly every text and say nothing. */
const isSaid = (text: string, read: string): boolean =>
  read.trim() === text || (text.length >= 4 && read.includes(text));

/** Marks that a rendered prompt has around the same text. */
const MARKS =
  /<\|[^|>]*\|>|<\/?s>|\[\/?INST\]|<start_of_turn>|<end_of_turn>|\b(?:user|assistant|system|human|model|begin_of_text)\b:?|[\s:#]+/gi;

/** Whether a text is another one with the marks of a template around it. */
const isRendering = (text: string, inside: string): boolean =>
  inside.trim() !== '' && text.includes(inside.trim()) && text.replace(inside.trim(), '').replace(MARKS, '') === '';

/** Columns whose names the prompt has in braces: it is a template, and they were to fill it. */
function placeholders(shape: RowShape, { roles }: Reading, texts: readonly Column[]): readonly Column[] {
  const prompt = roles['prompt'] === undefined ? undefined : columnReader(roles['prompt'].split('.'))(shape.row);
  if (!isText(prompt) || !prompt.includes('{')) return [];
  const named = new Set([...prompt.matchAll(/\{\s*([\w .-]{1,40}?)\s*\}/g)].map(([, name = '']) => plainName(name)));
  return texts.filter(({ name }) => named.has(name));
}

function fillingConcern({ path, keys }: Column): Concern {
  const at = columnReader(keys);
  return {
    path,
    flag: `the prompt has a place for ${path}: write its text there in the file`,
    isExcused: (row) => at(row) === null || at(row) === undefined || at(row) === '',
  };
}

/** Two answers beside chosen and rejected that are neither of them: then these may only name the better one. */
function otherAnswers(shape: RowShape, texts: readonly Column[], reading: Reading): Concern[] {
  const read = textsOf(reading, ['prompt', 'chosen', 'rejected']);
  return answerPairs({ ...shape, columns: texts }).map(({ a, b }) => {
    const excuses = [a, b].map((column) => saidIn(column, read));
    return {
      path: `${a.path},${b.path}`,
      flag: `--columns a=${a.path},b=${b.path},verdict=...`,
      isExcused: (row) => excuses.some((isExcused) => isExcused(row)),
    };
  });
}

function exchangeConcern({ path, keys }: Column, turned: string): Concern {
  const at = columnReader(keys);
  const unturned = isOrder(path) ? (value: unknown) => !isText(value) || !REVERSED.test(value.trim()) : isNo;
  return {
    path,
    flag: `--columns ${turned},verdict=${path} --verdict VALUE=a,VALUE=b`,
    isExcused: (row) => isNothing(at(row)) || unturned(at(row)),
  };
}
/** `ba`, `B, A`, `[1, 0]`, `reversed`. */
const REVERSED = /^\W*(?:b\W*a|2\W*1|1\W*0|right\W+left|second\W+first|reversed?|swapped|flipped|inverted)\W*$/i;

const isNo = (value: unknown): boolean =>
  value === false || ['0', '-1', 'false', 'no'].includes(isText(value) ? value.toLowerCase() : String(value));

const isNothing = (value: unknown): boolean => value === null || value === undefined || value === '';

function verdictConcern({ path, keys }: Column): Concern {
  const at = columnReader(keys);
  return {
    path,
    flag: `--columns a=...,b=...,verdict=${path}`,
    isExcused: (row) => {
      const value = at(row);
      return isNothing(value) || (isText(value) && (isTieWord(value) || ['chosen', 'good'].includes(value)));
    },
  };
}

const isYesOrNo = ({ path, kind, sample }: Column): boolean =>
  isLabel(path) && (kind === 'boolean' || [0, 1, -1, 0n, 1n, -1n, '0', '1', '-1'].some((value) => value === sample));

/** `label: 0` beside chosen and rejected may say that the rejected one is better. */
function labelConcern({ path, keys }: Column, turned: string): Concern {
  const at = columnReader(keys);
  return {
    path,
    flag: `--columns ${turned},verdict=${path} --verdict VALUE=a,VALUE=b`,
    isExcused: (row) => !isNo(at(row)),
  };
}

/** Every text of columns in some roles; of other roles those inside messages. */
function textsOf(reading: Reading, roles: readonly string[]): (row: Row) => string[] {
  const readers = Object.values(reading.roles).map((path) => {
    const nested = columnReader(path.split('.'));
    return {
      isOwn: roles.some((role) => reading.roles[role] === path),
      at: (row: Row) => row[path] ?? nested(row),
    };
  });
  return (row) => {
    const texts: string[] = [];
    for (const { isOwn, at } of readers) {
      const value = at(row);
      if (isOwn || !isText(value)) collectTexts(value, texts);
    }
    return texts;
  };
}

function collectTexts(value: unknown, into: string[]): void {
  if (isText(value)) into.push(value);
  else if (isList(value)) for (const entry of value) collectTexts(entry, into);
  else if (isRow(value))
    for (const [key, inside] of Object.entries(value))
      if (!['role', 'from', 'type', 'speaker'].includes(key)) collectTexts(inside, into);
}
