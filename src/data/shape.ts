/** The shape of a row: its columns, down into objects, and what kind of value each holds. Rows of one shape are read alike. */
import { isList, isRow, isText, type Row } from './fields.js';
import { plainName } from './names.js';

/**
 * `none`: null, absent or an empty object; `blank`: text of white space or an empty list. Of lists the first entry decides:
 * `messages`, `conversations` (lists of messages), `lists`, `objects`, `texts`, `numbers`, `booleans`.
 */
export type ValueKind =
  | 'none'
  | 'blank'
  | 'text'
  | 'number'
  | 'boolean'
  | 'message'
  | 'object'
  | 'messages'
  | 'conversations'
  | 'lists'
  | 'objects'
  | 'texts'
  | 'numbers'
  | 'booleans';

/** One column of a shape; a key inside an object is a column too. */
export interface Column {
  /** Dotted path from the top of the row, as the file spells it. */
  readonly path: string;
  readonly keys: readonly string[];
  /** The path with every part in plain letters: `info.full_text`. */
  readonly name: string;
  readonly kind: ValueKind;
  /** Value in the first row of the shape. */
  readonly sample: unknown;
}

/** The columns of a row and what they hold. */
export interface RowShape {
  /** Columns at the top and, behind each object, what is inside it. */
  readonly columns: readonly Column[];
  /** The first row that had this shape. */
  readonly row: Row;
}

/** Objects are looked into this deep; of wider ones than `WIDE` (dictionaries with a key per row) nothing is told apart. */
const DEPTH = 3;
const WIDE = 24;

/** Keys under which a message names its speaker. */
export const ROLE_KEYS = ['role', 'from', 'speaker', 'sender'] as const;

/** Whether a value is an object with a speaker, under any of the keys that say so. */
export const isMessageLike = (value: unknown): boolean => isRow(value) && ROLE_KEYS.some((key) => key in value);

const KIND_LETTERS: Readonly<Record<ValueKind, string>> = {
  none: '-',
  blank: '_',
  text: 't',
  number: 'n',
  boolean: 'b',
  message: 'm',
  object: 'o',
  messages: 'M',
  conversations: 'C',
  lists: 'L',
  objects: 'O',
  texts: 'T',
  numbers: 'N',
  booleans: 'B',
};

/** What kind of value this is, e.g. text, messages, numbers. */
export function kindOf(value: unknown): ValueKind {
  switch (typeof value) {
    case 'string':
      return isBlank(value) ? 'blank' : 'text';
    case 'number':
      return Number.isNaN(value) ? 'none' : 'number';
    case 'bigint':
      return 'number';
    case 'boolean':
      return 'boolean';
    case 'object':
      if (value === null) return 'none';
      if (isList(value)) return kindOfList(value);
      return isMessageLike(value) ? 'message' : 'object';
    default:
      return 'none';
  }
}

function kindOfList(list: readonly unknown[]): ValueKind {
  if (list.length === 0) return 'blank';
  const first = list.find((entry) => entry !== null && entry !== undefined);
  if (isText(first)) return 'texts';
  if (isList(first)) return isMessageLike(first[0]) ? 'conversations' : 'lists';
  if (isRow(first)) return isMessageLike(first) ? 'messages' : 'objects';
  return typeof first === 'boolean' ? 'booleans' : 'numbers';
}

/** Most texts begin with a letter, and a pattern costs more than looking at that. */
const isBlank = (text: string): boolean =>
  !(text.charCodeAt(0) > 0x20 && text.charCodeAt(0) < 0x7f) && text.trim() === '';

/** Equal for rows of one shape. */
export function shapeKey(row: Row, depth = 1): string {
  let key = '';
  for (const name in row) {
    const value = row[name];
    const kind = kindOf(value);
    key += `${name}\u0000${KIND_LETTERS[kind]}`;
    if (kind === 'object' && depth < DEPTH && Object.keys(value as Row).length <= WIDE)
      key += `{${shapeKey(value as Row, depth + 1)}}`;
  }
  return key;
}

/** The shape of a row, with the insides of objects down to a fixed depth. */
export function rowShapeOf(row: Row): RowShape {
  const columns: Column[] = [];
  const walk = (inside: Row, before: readonly string[]): void => {
    for (const [key, sample] of Object.entries(inside)) {
      const keys = [...before, key];
      const kind = kindOf(sample);
      columns.push({ path: keys.join('.'), keys, name: keys.map(plainName).join('.'), kind, sample });
      if (kind === 'object' && keys.length < DEPTH && Object.keys(sample as Row).length <= WIDE)
        walk(sample as Row, keys);
    }
  };
  walk(row, []);
  return { columns, row };
}

/** Whether a column holds anything in the first row of its shape. */
export const isFilled = ({ kind }: Column): boolean => kind !== 'none' && kind !== 'blank';
/** A text, or a list that people may have meant as text: something to read. */
export const isWordy = ({ kind }: Column): boolean =>
  kind === 'text' ||
  kind === 'message' ||
  kind === 'messages' ||
  kind === 'conversations' ||
  kind === 'lists' ||
  kind === 'texts';

/** A number in a table's cell is no text. */
export const isNumberText = ({ kind, sample }: Column): boolean => kind === 'text' && !Number.isNaN(Number(sample));

/** A function that takes the value at a path out of a row; entries of lists are named by their number. */
export function columnReader(keys: readonly string[]): (row: Row) => unknown {
  const [first = '', ...rest] = keys;
  if (rest.length === 0) return (row) => row[first];
  return (row) => {
    let value: unknown = row[first];
    for (const key of rest) {
      if (isRow(value)) value = value[key];
      else if (isList(value)) value = value[Number(key)];
      else return undefined;
    }
    return value;
  };
}
