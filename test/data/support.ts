/** Files for data tests: written into a folder of their own, read, and gone afterwards. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';

import { MrpoError } from '../../src/core/errors.js';

export interface DataFolder {
  readonly path: string;
  /** Writes a file and gives its path. */
  write(name: string, content: string | Uint8Array): string;
}

/** A temporary folder that lives as long as the test file that calls this. */
export function dataFolder(): DataFolder {
  const path = mkdtempSync(join(tmpdir(), 'mrpo-data-'));
  afterAll(() => rmSync(path, { recursive: true }));
  let files = 0;
  return {
    path,
    write(name, content) {
      const file = join(path, `${files++}-${name}`);
      writeFileSync(file, content);
      return file;
    },
  };
}

/** One good row of TRL's standard format. */
export const goodRow = (number = 1) => ({
  prompt: `Question ${number}?`,
  chosen: `Good answer ${number}`,
  rejected: `Bad answer ${number}`,
});
export const goodLine = (number = 1): string => JSON.stringify(goodRow(number));

/** JSON lines of rows or of raw text. */
export const lines = (...rows: readonly (string | object)[]): string =>
  `${rows.map((row) => (typeof row === 'string' ? row : JSON.stringify(row))).join('\n')}\n`;

/** The MrpoError that work ends in. */
export async function failureOf(work: Promise<unknown>): Promise<MrpoError> {
  const outcome = await work.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (outcome instanceof MrpoError) return outcome;
  throw new Error('expected an MrpoError', { cause: outcome });
}
