/** Columns of a row that nothing reads: all are reported, and those that may change what the pair means stop the reading. */
import type { ColumnMapping } from './columns.js';
import { concernsOf, type Concern } from './concerns.js';
import type { Reading } from './formats/format.js';
import { isNumberText, isWordy, type Column, type RowShape } from './shape.js';

export type { Concern } from './concerns.js';

/** What of a shape's columns nothing reads. */
export interface Unread {
  /** Paths of texts and messages. */
  readonly columns: readonly string[];
  readonly concerns: readonly Concern[];
}

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
  const unread = shape.columns.filter(({ path }) => !isUsed(path) && !holdsUsed(path));
  const objects = unread.filter(({ kind }) => kind === 'object' || kind === 'objects');
  const isInside = ({ path }: Column): boolean => objects.some((object) => path.startsWith(`${object.path}.`));
  const texts = unread.filter((column) => isWordy(column) && !isNumberText(column));
  return {
    // Of an object that is not read at all, its own name says enough.
    columns: [...texts, ...objects].filter((column) => !isInside(column)).map(({ path }) => path),
    concerns: concernsOf(shape, unread, reading, columns),
  };
}
