/** Two answers, and what a verdict may call them. */
import type { Row } from '../fields.js';

/** The answer that a verdict prefers. */
export type Winner = 'a' | 'b' | 'tie';

/** What a verdict may call the two answers. */
export interface Candidates {
  /** Columns of the two answers. */
  readonly a: string;
  readonly b: string;
  /** The words in which their names differ: a and b, 0 and 1, left and right. */
  readonly markers: readonly [string, string] | undefined;
  /** What else a verdict may call them, in pairs: their models, their ids, their texts. */
  readonly names?: readonly ((row: Row) => readonly [unknown, unknown])[] | undefined;
}

/** Which answer a value of the verdict prefers. @throws RowProblem for a value that names neither answer. */
export type VerdictReader = (value: unknown, row: Row) => Winner;
