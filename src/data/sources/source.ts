/** A source of rows: whatever the file is, rows come in batches, each with its place in the file. */

export interface RawRow {
  /** 1-based line of a .jsonl or .csv file, else 1-based row number. */
  readonly line: number;
  /** What the row says; absent where `problem` is set. */
  readonly value?: unknown;
  /** Why the row could not be read at all. */
  readonly problem?: string | undefined;
}

/** What numbers rows in messages about a source. */
export type RowPlace = 'line' | 'row';

export interface RowSource {
  /** What the file turned out to be: `JSON lines`, `JSON list`, `CSV`, `Parquet`, `hub data set`, with `, gzipped`. */
  readonly kind: string;
  readonly place: RowPlace;
  /** Things about the file that the user should know. */
  readonly notes: readonly string[];
  /** Rows in order, a few thousand at a time at most. */
  readonly batches: AsyncIterable<readonly RawRow[]>;
}

export interface SourceOptions {
  /** Rows of more bytes than this are dropped without being read into memory as a whole. Default 64 MiB. */
  readonly maxRowBytes?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

export const DEFAULT_MAX_ROW_BYTES = 64 * 2 ** 20;
