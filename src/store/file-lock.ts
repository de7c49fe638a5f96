/** A file that says who works on something: of several processes that want to, one gets it. */
import { randomUUID } from 'node:crypto';
import { statSync } from 'node:fs';
import { readFile, rename, rm, utimes } from 'node:fs/promises';
import { hasEnded, isOfHere, thisProcess, type ProcessOwner } from '../core/process-owner.js';
import { temporaryBeside } from '../core/temporary-file.js';
import { writeNewFile } from './atomic-file.js';

/** The holder touches its lock; one of another machine or container, whom nobody here sees, counts as long as it is fresh. */
export const TOUCH_MS = 15_000;
const FRESH_MS = 120_000;

/** The right to work on something. */
export interface FileLock {
  /** Removes the file, if it is still the one of this process. */
  release(): Promise<void>;
}

/** @returns the lock, or who has it. */
export async function tryLock(path: string): Promise<FileLock | { readonly holder: ProcessOwner }> {
  const mine = JSON.stringify({ ...thisProcess(), lock: randomUUID() });
  while (!(await writeNewFile(path, mine))) {
    const theirs = await readFile(path, 'utf8').catch(() => undefined);
    if (theirs === undefined) continue; // released between the two looks
    const holder = JSON.parse(theirs) as ProcessOwner;
    if (!hasEnded(holder) && (isOfHere(holder) || isFresh(path))) return { holder };
    await removeExactly(path, theirs);
  }
  const timer = setInterval(() => void utimes(path, new Date(), new Date()).catch(() => undefined), TOUCH_MS);
  timer.unref();
  return {
    async release() {
      clearInterval(timer);
      await removeExactly(path, mine);
    },
  };
}

/** Whether a lock was touched by its holder a moment ago. False if there is none. @param longer Further milliseconds. */
export function isFresh(path: string, longer = 0): boolean {
  const facts = statSync(path, { throwIfNoEntry: false });
  return facts !== undefined && Date.now() - facts.mtimeMs < FRESH_MS + longer;
}

/** Removes a lock only if it is the one that was looked at: another process may have put its own in its place. */
async function removeExactly(path: string, content: string): Promise<void> {
  const aside = temporaryBeside(path);
  try {
    await rename(path, aside);
  } catch {
    return; // gone, with its folder or by another hand
  }
  if ((await readFile(aside, 'utf8')) === content) await rm(aside, { force: true });
  else await rename(aside, path);
}
