/**
 * Appending to a journal. A line is one write, so that a process killed at any instant has written all of it or nothing.
 * After a power cut a file may end in the middle of a line: whoever writes next begins a line of its own, and readers
 * leave the torn one out.
 */
import { closeSync, fstatSync, fsyncSync, openSync, readSync, writeSync } from 'node:fs';
import type { NewLine } from './line.js';

/** An open journal. */
export interface JournalWriter {
  /** The line is the system's when this returns: it outlives this process. */
  append(line: NewLine): void;
  close(): void;
}

/** Opens a journal to append to it, or makes it. */
export function openJournal(path: string): JournalWriter {
  const file = openSync(path, 'a+');
  endTornLine(file);
  let isTorn = false;
  return {
    append(line) {
      // Of a line that a full disk has cut, a part is there: what comes next is none of it.
      if (isTorn) endTornLine(file);
      isTorn = true;
      writeWhole(file, textOf(line));
      isTorn = false;
    },
    close: () => closeSync(file),
  };
}

/** One line, brought to the disk. */
export function appendLine(path: string, line: NewLine): void {
  const file = openSync(path, 'a+');
  try {
    endTornLine(file);
    writeWhole(file, textOf(line));
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

/** @throws Error of the system, e.g. ENOSPC, also where it has taken a part of it. */
function writeWhole(file: number, text: string): void {
  const bytes = Buffer.from(text);
  // A system that takes a part says why at the next attempt.
  for (let done = 0; done < bytes.length;) done += writeSync(file, bytes, done);
}

const textOf = (line: NewLine): string => `${JSON.stringify({ at: Date.now(), ...line })}\n`;

function endTornLine(file: number): void {
  const { size } = fstatSync(file);
  if (size === 0) return;
  const last = Buffer.alloc(1);
  readSync(file, last, 0, 1, size - 1);
  if (last.toString() !== '\n') writeSync(file, '\n');
}
