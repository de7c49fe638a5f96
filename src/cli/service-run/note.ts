/** `service.json`: what says of a folder that its run is one of a service. Written before the run is ordered. */
import { mkdir, readdir, readFile, rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { randomBytes } from 'node:crypto';
import { MrpoError } from '../../core/errors.js';
import { isTemporary } from '../../core/temporary-file.js';
import { writeFileAtomic } from '../../store/atomic-file.js';
import { runFolder } from '../../store/run-folder.js';
import { LOCK_FILE, lockRun, type RunLock } from '../../store/run-lock.js';

/** Which run of which service. */
export interface ServiceNote {
  /** `host:port` or `unix:/path`. */
  readonly address: string;
  readonly id: string;
}

const FILE = 'service.json';

/** The note in a folder, undefined where there is none. Throws code `data` for one that cannot be understood. */
export async function readNote(folder: string): Promise<ServiceNote | undefined> {
  const text = await readFile(join(folder, FILE), 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  try {
    const { address, id } = JSON.parse(text) as Partial<ServiceNote>;
    if (typeof address === 'string' && typeof id === 'string') return { address, id };
  } catch {
    // said below
  }
  throw new MrpoError('data', `${join(folder, FILE)}: expected {"address": "host:port", "id": "..."}`);
}

/** A folder that this process has to itself. */
export interface TakenFolder {
  readonly note: ServiceNote;
  readonly lock: RunLock;
}

/**
 * Takes a new or empty folder for a run that is about to be ordered, and notes which. Of several that want it, one gets it.
 * @throws MrpoError `config` if something else is there, `usage` if another process works on it.
 */
export async function takeFolder(path: string, address: string): Promise<TakenFolder> {
  await mkdir(path, { recursive: true }).catch((cause: Error) => {
    throw new MrpoError('config', `output: ${path} cannot be made: ${cause.message}`, { cause });
  });
  const lock = await lockRun(runFolder(path));
  try {
    const earlier = await readNote(path);
    const present = (await readdir(path)).filter((name) => name !== LOCK_FILE && !isTemporary(name));
    if (earlier !== undefined) throw ordered(path, earlier);
    if (present.length > 0) throw notEmpty(path, present);
    const id = `train-${Date.now().toString(36)}-${randomBytes(5).toString('hex')}`;
    const note = { address, id };
    await writeFileAtomic(join(path, FILE), `${JSON.stringify(note)}\n`);
    return { note, lock };
  } catch (thrown) {
    await lock.release();
    throw thrown;
  }
}

/** Takes the folder of a run that was ordered before. */
export async function takeAgain(path: string, note: ServiceNote): Promise<TakenFolder> {
  return { note, lock: await lockRun(runFolder(path)) };
}

/** Gives back a folder whose run was refused: as it was before. */
export async function dropFolder(path: string, { lock }: TakenFolder): Promise<void> {
  await rm(join(path, FILE), { force: true });
  await lock.release();
  await rmdir(path).catch(() => undefined); // only an empty one
}

function ordered(path: string, { address, id }: ServiceNote): MrpoError {
  return new MrpoError('config', `output: ${path} is that of run ${id} of the service at ${address}`, {
    hint: `Go on with it: mrpo resume ${path}. Or name another folder with --set output=FOLDER.`,
  });
}

function notEmpty(path: string, present: readonly string[]): MrpoError {
  const shown = `${present.slice(0, 3).join(', ')}${present.length > 3 ? ', ...' : ''}`;
  return new MrpoError('config', `output: ${path} is not empty (it holds ${shown}); expected a new or empty folder`, {
    hint: 'Name another folder with --set output=FOLDER, or move the old one away.',
  });
}
