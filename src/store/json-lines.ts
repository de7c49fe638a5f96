/** Files of one JSON object a line, written while a run goes on and readable at any moment. */
import { open, readFile, type FileHandle } from 'node:fs/promises';
import { MrpoError } from '../core/errors.js';

/** Appends to one file; only one writer may have it open. */
export interface JsonLinesWriter {
  /** Resolves when the operating system has the line. */
  append(value: Readonly<Record<string, unknown>>): Promise<void>;
  /** Brings what was appended to the disk, and gives the length of the file in bytes. */
  sync(): Promise<number>;
  /** Brings the file to the disk and closes it. */
  close(): Promise<void>;
}

/** Opens a new file. A line outlives the process once `append` resolves. Values that JSON lacks (NaN) become null. */
export function createJsonLines(path: string): Promise<JsonLinesWriter> {
  return writerOn(open(path, 'wx'));
}

/**
 * Opens a file to append after its first `bytes` bytes; what comes after them is removed.
 * @throws MrpoError `data` if the file is shorter.
 */
export async function continueJsonLines(path: string, bytes: number): Promise<JsonLinesWriter> {
  const file = await open(path, 'a');
  const { size } = await file.stat();
  if (size < bytes) {
    await file.close();
    throw new MrpoError('data', `${path} has ${size} bytes, expected at least ${bytes}: its end is missing`);
  }
  await file.truncate(bytes);
  return writerOn(Promise.resolve(file));
}

async function writerOn(opened: Promise<FileHandle>): Promise<JsonLinesWriter> {
  const file = await opened;
  return {
    async append(value) {
      await file.appendFile(`${JSON.stringify(value)}\n`, 'utf8');
    },
    async sync() {
      await file.sync();
      return (await file.stat()).size;
    },
    async close() {
      await file.sync();
      await file.close();
    },
  };
}

/** The lines of a file; none if it does not exist. A last line that a killed process left half-written is left out. */
export async function readJsonLines(path: string): Promise<readonly Readonly<Record<string, unknown>>[]> {
  const text = await readFile(path, 'utf8').catch((thrown: NodeJS.ErrnoException) => {
    if (thrown.code === 'ENOENT') return '';
    throw thrown;
  });
  const whole = text.slice(0, text.lastIndexOf('\n') + 1);
  return whole
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Readonly<Record<string, unknown>>);
}
