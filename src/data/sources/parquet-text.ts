/**
 * Text cells of Parquet files. The reader's own decoder puts U+FFFD in place of bytes that are not UTF-8, and a JSON
 * cell that cannot be parsed would take its whole row group with it; here a bad cell costs its row alone, and in a
 * column that need not be text at all (bytes of a picture) only where a format takes it for text.
 */
import { isUtf8 } from 'node:buffer';
import type { ParquetParsers } from 'hyparquet';

import { isList, isRow } from '../fields.js';
import { badByte, parseJsonRow } from './json-row.js';

/** Decoders of text for one file, which remember bad cells. */
export interface TextCells {
  readonly parsers: Pick<ParquetParsers, 'stringFromBytes' | 'jsonFromBytes'>;
  /** What is wrong with a text inside a value that was read with these parsers; `undefined` if nothing. */
  problemIn(value: unknown): string | undefined;
}

/** Decoders that have seen no cell. */
export function createTextCells(): TextCells {
  /** What stands in place of bad cells, and what is wrong with them. */
  const bad = new Map<object, string>();
  const mark = (problem: string): object => {
    // No text, so that no format reads it; its one key is what a message about it shows.
    const stand = { [problem]: true };
    bad.set(stand, problem);
    return stand;
  };
  const find = (value: unknown): string | undefined => {
    if (!isRow(value) && !isList(value)) return undefined;
    const problem = bad.get(value);
    if (problem !== undefined) return problem;
    for (const inside of Object.values(value)) {
      const found = find(inside);
      if (found !== undefined) return found;
    }
    return undefined;
  };
  return {
    parsers: {
      stringFromBytes: (cell: Uint8Array | undefined) => {
        if (cell === undefined) return undefined;
        const bytes = asBuffer(cell);
        return isUtf8(bytes) ? bytes.toString('utf8') : mark(`not UTF-8: byte 0x${badByte(bytes)}`);
      },
      jsonFromBytes: (cell: Uint8Array | undefined) => {
        if (cell === undefined) return undefined;
        const parsed = parseJsonRow(asBuffer(cell));
        return 'problem' in parsed ? mark(parsed.problem) : parsed.value;
      },
    },
    // Almost every file is clean: then no row is searched.
    problemIn: (value) => (bad.size === 0 ? undefined : find(value)),
  };
}

const asBuffer = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
