/** The folder of this machine that a run of a service belongs to: taken before the run is ordered, with a note of which. */
import { mkdir, readdir, rm, rmdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { randomBytes } from 'node:crypto';
import { MrpoError } from '../../core/errors.js';
import { isTemporary } from '../../core/temporary-file.js';
import { writeFileAtomic } from '../../store/atomic-file.js';
import { notEmpty, runFolder } from '../../store/run-folder.js';
import { LOCK_FILE, lockRun, type RunLock } from '../../store/run-lock.js';
import { refuseRunOfService, SERVICE_NOTE, type ServiceNote } from '../../store/service-note.js';

/** A folder that this process has to itself. */
export interface TakenFolder {
  readonly path: string;
  readonly note: ServiceNote;
  readonly lock: RunLock;
  /** Of one that was taken just now: the outermost folder that was made for it, if one was. */
  readonly fresh?: { readonly made: string | undefined };
}

/**
 * Takes a new or empty folder for a run that is about to be ordered, and notes which. Of several that want it, one gets it.
 * @throws MrpoError `config` if something else is there, `usage` if another process works on it.
 */
export async function takeFolder(path: string, address: string): Promise<TakenFolder> {
  const made = await mkdir(path, { recursive: true }).catch((cause: Error) => {
    throw new MrpoError('config', `output: ${path} cannot be made: ${cause.message}`, { cause });
  });
  const lock = await lockRun(runFolder(path));
  try {
    await refuseRunOfService(path);
    const present = (await readdir(path)).filter((name) => name !== LOCK_FILE && !isTemporary(name));
    if (present.length > 0) throw notEmpty(runFolder(path), present);
    const id = `train-${Date.now().toString(36)}-${randomBytes(5).toString('hex')}`;
    const note = { address, id };
    await writeFileAtomic(join(path, SERVICE_NOTE), `${JSON.stringify(note)}\n`);
    return { path, note, lock, fresh: { made } };
  } catch (thrown) {
    await lock.release();
    throw thrown;
  }
}

/** Takes the folder of a run that was ordered before. */
export async function takeAgain(path: string, note: ServiceNote): Promise<TakenFolder> {
  return { path, note, lock: await lockRun(runFolder(path)) };
}

/** Of a run that certainly was not ordered: a folder that was taken just now is given back as it was before. */
export async function giveBack({ path, lock, fresh }: TakenFolder): Promise<void> {
  if (fresh === undefined) return;
  await rm(join(path, SERVICE_NOTE), { force: true });
  await lock.release();
  if (fresh.made === undefined) return;
  for (let folder = path; ; folder = dirname(folder)) {
    const gone = await rmdir(folder).then(
      () => true,
      () => false, // somebody has put something into it
    );
    if (!gone || folder === fresh.made || folder === dirname(folder)) return;
  }
}
