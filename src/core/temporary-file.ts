/**
 * Names of files that are being written beside their place. Who makes one removes those that killed processes have left in
 * the same folder.
 */
import { randomUUID } from 'node:crypto';
import { readdirSync, rmSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** Nothing is being written any more that nobody has written to for so long. */
const LEFT_MS = 3_600_000;

/** Whether a file is one that is being written, or that a killed process has left so. */
export const isTemporary = (name: string): boolean => /^\.[\da-f-]{36}\.tmp$/.test(name);

/** A new name in the folder of `path`. */
export function temporaryBeside(path: string): string {
  const folder = dirname(path);
  sweep(folder);
  return join(folder, `.${randomUUID()}.tmp`);
}

/** Never throws: a folder that cannot be read is told of by the write that follows. */
function sweep(folder: string): void {
  let names: readonly string[] = [];
  try {
    names = readdirSync(folder).filter(isTemporary);
  } catch {
    return;
  }
  for (const name of names) {
    const path = join(folder, name);
    try {
      if (Date.now() - statSync(path).mtimeMs > LEFT_MS) rmSync(path, { force: true });
    } catch {
      // another process was quicker
    }
  }
}
