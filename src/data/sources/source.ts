/** A source of rows: whatever the file is, rows come in batches, each with its place in the file. */
import type { RowOrigin } from '../pair.js';

/** One row before its format is known. */
export interface RawRow {
  /** 1-based line of a .jsonl or .csv file, else 1-based row number. */
  readonly line: number;
  /** What the row says; absent where `problem` is set. */
  readonly value?: unknown;
  /** Why the row could not be read at all. */
  readonly problem?: string | undefined;
  /** The file it is in, where a source has several. */
  readonly origin?: RowOrigin | undefined;
}

/** Where a row is. */
export type RowAt = Pick<RawRow, 'line' | 'origin'>;

/** What numbers rows in messages about a source. */
export type RowPlace = RowOrigin['place'];

/** An opened source; its rows can be read once. */
export interface RowSource {
  /** What the file turned out to be: `JSON lines`, `JSON list`, `CSV`, `Parquet`, `hub data set`, with `, gzipped`. */
  readonly kind: string;
  readonly place: RowPlace;
  /** Things about the file that the user should know. */
  readonly notes: readonly string[];
  /** Rows in order, a few thousand at a time at most. */
  readonly batches: AsyncIterable<readonly RawRow[]>;
}

/** Limits of what is read into memory, in bytes, and a stop signal. */
export interface SourceOptions {
  /** Rows of more bytes than this are dropped without being read into memory as a whole. Default 64 MiB. */
  readonly maxRowBytes?: number | undefined;
  /** A compressed file that unpacks to more bytes than this is refused. Default 2e9. */
  readonly maxUnpackedBytes?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** 64 MiB. */
export const DEFAULT_MAX_ROW_BYTES = 64 * 2 ** 20;
/** 2 GB. */
export const DEFAULT_MAX_UNPACKED_BYTES = 2e9;
