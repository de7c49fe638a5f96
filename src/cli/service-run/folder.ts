/** The folder of this machine that a run of a service belongs to: taken before the run is ordered, with a note of which. */
import { mkdir, readdir, rm, rmdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { randomBytes } from 'node:crypto';
import { MrpoError } from '../../core/errors.js';
import { isTemporary } from '../../core/temporary-file.js';
import { writeFileAtomic } from '../../store/atomic-file.js';
import { notEmpty, runFolder } from '../../store/run-folder.js';
import { LOCK_FILE, lockRun, type RunLock } from '../../store/run-lock.js';
import { readServiceNote, refuseRunOfService, SERVICE_NOTE, type ServiceNote } from '../../store/service-note.js';
import { requireService } from './same-run.js';

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
export const takeFolder = (path: string, address: string): Promise<TakenFolder> =>
  takeNew(path, { address, id: `train-${Date.now().toString(36)}-${randomBytes(5).toString('hex')}` });

async function takeNew(path: string, note: ServiceNote): Promise<TakenFolder> {
  const made = await mkdir(path, { recursive: true }).catch((cause: Error) => {
    throw new MrpoError('config', `output: ${path} cannot be made: ${cause.message}`, { cause });
  });
  const lock = await lockRun(runFolder(path));
  try {
    await refuseRunOfService(path);
    const present = await contentsOf(path);
    if (present.length > 0) throw notEmpty(runFolder(path), present);
    await writeFileAtomic(join(path, SERVICE_NOTE), `${JSON.stringify(note)}\n`);
    return { path, note, lock, fresh: { made } };
  } catch (thrown) {
    await lock.release();
    throw thrown;
  }
}

/** Names in a folder, but those that a process at work has there. */
const contentsOf = async (path: string): Promise<string[]> =>
  (await readdir(path)).filter((name) => name !== LOCK_FILE && !isTemporary(name));

/** Takes the folder of a run that was ordered before. */
export async function takeAgain(path: string, note: ServiceNote): Promise<TakenFolder> {
  return { path, note, lock: await lockRun(runFolder(path)) };
}

/**
 * Takes a folder for the files of a run that is there: a new or empty one, or one that is the run's already.
 * @throws MrpoError `usage` if another run is in it, or one of another service, else as {@link takeFolder}.
 */
export async function takeForRun(path: string, note: ServiceNote): Promise<TakenFolder> {
  const known = await readServiceNote(path);
  if (known === undefined) {
    const present = await contentsOf(path).catch(() => []);
    if (present.length === 0) return takeNew(path, note);
    throw new MrpoError('usage', `--to: ${path} is not empty (it holds ${present.slice(0, 3).join(', ')})`, {
      hint: 'Name a new or empty folder, or that of an earlier download of this run.',
    });
  }
  const hint = 'Name another folder with --to.';
  if (known.id !== note.id)
    throw new MrpoError('usage', `${path} is the folder of run ${known.id} of the service at ${known.address}`, {
      hint,
    });
  // Of two services that have a run of this id, the files of one would come to lie among those of the other.
  requireService(path, known, note.address, hint);
  return takeAgain(path, known);
}

/** Where nothing came of it: a folder that was taken just now, and has nothing in it yet, is given back as it was before. */
export async function giveBack({ path, lock, fresh }: TakenFolder): Promise<void> {
  if (fresh === undefined) return;
  if ((await contentsOf(path)).some((name) => name !== SERVICE_NOTE)) return;
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
