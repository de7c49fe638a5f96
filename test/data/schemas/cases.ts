/** A schema of rows, and what is to come of a file of them. */
import type { ReadOptions } from '../../../src/data/index.js';
import type { Marked } from './marked.js';

export interface SchemaCase {
  readonly what: string;
  /** One row, or the rows of one prompt. */
  readonly row: (k: Marked) => object | readonly object[];
  readonly options?: ReadOptions;
  /** Pairs of the file. Default: one per marked row. */
  readonly pairs?: number;
  /** What the refusal says; the file gives no pair. */
  readonly refused?: string;
  /** Marked rows. Default 6. */
  readonly rows?: number;
  /** Name and text of the file. Default: JSON lines. */
  readonly file?: (rows: readonly object[]) => readonly [name: string, text: string];
}
