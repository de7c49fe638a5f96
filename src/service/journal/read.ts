/** Reading a journal from where one has come to. */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import type { JournalLine } from './line.js';

/** A part of a journal. */
export interface ReadLines {
  readonly lines: readonly JournalLine[];
  /** Where to read on, in bytes. */
  readonly cursor: number;
  /** Whether the file has more than was read. */
  readonly more: boolean;
}

/** Read at once, at most: ten thousand lines or so. */
const CHUNK_BYTES = 1024 * 1024;
const NEWLINE = 0x0a;

/** The whole lines behind `cursor`; none where there is no file yet. */
export function readLines(path: string, cursor: number): ReadLines {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return { lines: [], cursor, more: false };
    throw thrown;
  }
  try {
    const left = fstatSync(file).size - cursor;
    if (left <= 0) return { lines: [], cursor, more: false };
    for (let length = Math.min(left, CHUNK_BYTES); ; length = Math.min(left, 2 * length)) {
      const bytes = Buffer.alloc(length);
      const read = readSync(file, bytes, 0, length, cursor);
      const end = bytes.subarray(0, read).lastIndexOf(NEWLINE) + 1;
      if (end === 0 && length < left) continue; // one line longer than that
      const lines = bytes
        .toString('utf8', 0, end)
        .split('\n')
        .flatMap((text) => lineOf(text));
      return { lines, cursor: cursor + end, more: length < left };
    }
  } finally {
    closeSync(file);
  }
}

/** A line that a power cut has torn is none, for every reader alike. */
function lineOf(text: string): JournalLine[] {
  if (text === '') return [];
  try {
    const line = JSON.parse(text) as JournalLine;
    return typeof line.at === 'number' && typeof line.type === 'string' ? [line] : [];
  } catch {
    return [];
  }
}
