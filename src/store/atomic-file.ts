/** Files that are either whole or not there: written beside their place, flushed to disk, then moved into it. */
import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { constants, copyFile, link, open, rename, rm } from 'node:fs/promises';
import { temporaryBeside } from '../core/temporary-file.js';

/** Writes or replaces a file. Readers see the old content or the new one, also after a power cut. */
export function writeFileAtomic(path: string, content: string | Uint8Array): Promise<void> {
  return writeBeside(path, content, (temporary) => rename(temporary, path));
}

/** The same for a process that has no time left for promises. */
export function writeFileAtomicSync(path: string, content: string): void {
  const temporary = temporaryBeside(path);
  try {
    const file = openSync(temporary, 'wx');
    try {
      for (let bytes = Buffer.from(content); bytes.length > 0;) bytes = bytes.subarray(writeSync(file, bytes));
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(temporary, path);
  } catch (thrown) {
    rmSync(temporary, { force: true });
    throw thrown;
  }
}

/** Writes a file that must not be there yet. @returns false if it is; of several callers at once, one gets true. */
export async function writeNewFile(path: string, content: string): Promise<boolean> {
  let made = true;
  await writeBeside(path, content, async (temporary) => {
    await linkOrCopy(temporary, path).catch((thrown: NodeJS.ErrnoException) => {
      if (thrown.code !== 'EEXIST') throw thrown;
      made = false;
    });
    await rm(temporary);
  });
  return made;
}

/** Some file systems (exFAT, some network shares) have no links; a copy that must be new is the next best there. */
async function linkOrCopy(from: string, to: string): Promise<void> {
  await link(from, to).catch(async (thrown: NodeJS.ErrnoException) => {
    if (!['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'].includes(thrown.code ?? '')) throw thrown;
    await copyFile(from, to, constants.COPYFILE_EXCL);
  });
}

async function writeBeside(
  path: string,
  content: string | Uint8Array,
  put: (temporary: string) => Promise<void>,
): Promise<void> {
  const temporary = temporaryBeside(path);
  try {
    const file = await open(temporary, 'wx');
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await put(temporary);
  } catch (thrown) {
    await rm(temporary, { force: true });
    throw thrown;
  }
}
