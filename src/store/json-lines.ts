/** Files of one JSON object a line, written while a run goes on and readable at any moment. */
import { open, readFile, type FileHandle } from 'node:fs/promises';

export interface JsonLinesWriter {
  append(value: Readonly<Record<string, unknown>>): Promise<void>;
  close(): Promise<void>;
}

/** Opens a new file. A line outlives the process once `append` resolves. Values that JSON lacks (NaN) become null. */
export async function createJsonLines(path: string): Promise<JsonLinesWriter> {
  const file: FileHandle = await open(path, 'wx');
  return {
    async append(value) {
      await file.appendFile(`${JSON.stringify(value)}\n`, 'utf8');
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
