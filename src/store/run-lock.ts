/** Who works on a run's folder: of several processes that want to go on with it, one gets it. */
import { randomUUID } from 'node:crypto';
import { readFile, rename, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { MrpoError } from '../core/errors.js';
import { hasEnded, thisProcess, type ProcessOwner } from '../core/process-owner.js';
import { writeNewFile } from './atomic-file.js';
import type { RunFolder } from './run-folder.js';

/** Name of the file that a process keeps in a run's folder while it works there. */
export const LOCK_FILE = '.lock';

/** The holder touches its lock; one of another machine, which nobody here can ask, counts as long as it is fresh. */
const TOUCH_MS = 15_000;
const FRESH_MS = 120_000;

/** The right to write into a run's folder. */
export interface RunLock {
  /** Removes the lock, if it is still the one of this process. */
  release(): Promise<void>;
}

/**
 * Takes the lock of a run's folder; a lock whose process has ended is taken over.
 * @throws MrpoError `usage` if another process works on the run.
 */
export async function lockRun(folder: RunFolder): Promise<RunLock> {
  const path = join(folder.path, LOCK_FILE);
  const mine = JSON.stringify({ ...thisProcess(), lock: randomUUID() });
  while (!(await writeNewFile(path, mine))) {
    const theirs = await readFile(path, 'utf8').catch(() => undefined);
    if (theirs === undefined) continue; // released between the two looks
    const owner = JSON.parse(theirs) as ProcessOwner;
    if (!hasEnded(owner) && (owner.host === thisProcess().host || (await isFresh(path)))) {
      throw new MrpoError('usage', `${folder.path}: process ${owner.process} on ${owner.host} works on this run`, {
        hint: 'Wait for it, or stop it first.',
      });
    }
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

async function isFresh(path: string): Promise<boolean> {
  const facts = await stat(path).catch(() => undefined);
  return facts !== undefined && Date.now() - facts.mtimeMs < FRESH_MS;
}

/** Removes a lock only if it is the one that was looked at: another process may have put its own in its place. */
async function removeExactly(path: string, content: string): Promise<void> {
  const aside = join(path, '..', `.${randomUUID()}.tmp`);
  try {
    await rename(path, aside);
  } catch {
    return; // gone, with its folder or by another hand
  }
  if ((await readFile(aside, 'utf8')) === content) await rm(aside, { force: true });
  else await rename(aside, path);
}
