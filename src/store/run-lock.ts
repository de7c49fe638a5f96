/** Who works on a run's folder: of several processes that want to go on with it, one gets it. */
import { join } from 'node:path';
import { MrpoError } from '../core/errors.js';
import { tryLock, type FileLock } from './file-lock.js';
import type { RunFolder } from './run-folder.js';

/** Name of the file that a process keeps in a run's folder while it works there. */
export const LOCK_FILE = '.lock';

/** The right to write into a run's folder. */
export type RunLock = FileLock;

/**
 * Takes the lock of a run's folder; a lock whose process has ended is taken over.
 * @param by What works in such a folder: a process on a run, or a service on all of its own.
 * @throws MrpoError `usage` if another process works on the run.
 */
export async function lockRun(folder: RunFolder, by: 'run' | 'service' = 'run'): Promise<RunLock> {
  const lock = await tryLock(join(folder.path, LOCK_FILE));
  if (!('holder' in lock)) return lock;
  const { process, host } = lock.holder;
  const who =
    by === 'run'
      ? `process ${process} on ${host} works on this run`
      : `a service (process ${process} on ${host}) works in this folder`;
  throw new MrpoError('usage', `${folder.path}: ${who}`, {
    hint: 'Wait for it, or stop it first.',
  });
}
