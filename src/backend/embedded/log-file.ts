/** What an embedded Python writes on stdout and stderr: followed line by line, and read back when it dies. */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

const LAST_LINES = 20;
const LAST_BYTES = 8 * 1024;
const POLL_MS = 200;

/** The last lines of the log that say something; empty if there are none. */
export function lastLogLines(path: string): string {
  const text = readFrom(path, -LAST_BYTES).text;
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  return lines.slice(-LAST_LINES).join('\n');
}

/** Calls `onLine` with every whole line as it appears. The returned function reads what is left and stops. */
export function followLog(path: string, onLine: (line: string) => void): () => void {
  let [position, rest] = [0, ''];
  const read = (): void => {
    const piece = readFrom(path, position);
    position = piece.end;
    const lines = (rest + piece.text).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) onLine(line);
  };
  const timer = setInterval(read, POLL_MS).unref();
  return () => {
    clearInterval(timer);
    read();
    if (rest !== '') onLine(rest);
    rest = '';
  };
}

/** Text from `start` to the end; a negative start counts from the end. A file that is not there yet is empty. */
function readFrom(path: string, start: number): { text: string; end: number } {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch {
    return { text: '', end: Math.max(start, 0) };
  }
  try {
    const end = fstatSync(file).size;
    const from = start < 0 ? Math.max(end + start, 0) : start;
    const bytes = Buffer.alloc(Math.max(end - from, 0));
    const count = readSync(file, bytes, 0, bytes.length, from);
    return { text: bytes.toString('utf8', 0, count), end: from + count };
  } finally {
    closeSync(file);
  }
}
