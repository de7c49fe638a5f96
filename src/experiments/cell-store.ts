/**
 * Where the runs of a matrix are: one folder a cell, named by its key, so that tables share cells and a second start
 * finds what the first one finished. The run folders are the truth; nothing else has to be kept in step with them.
 *
 * OUT/cells/KEY/          the run folder of a cell
 * OUT/claims/KEY          who is running it now; of several programs at work in OUT one gets it
 */
import { mkdir, readdir, rm, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { isTemporary } from '../core/temporary-file.js';
import { tryLock, type FileLock } from '../store/file-lock.js';
import { isRunFolder, readRun, type StoredRun } from '../store/run-folder.js';

/** Digits of the key that a folder is named by. */
const NAME_DIGITS = 20;

/** The cells in one folder. Several programs may use it at the same time. */
export interface CellStore {
  /** Absolute. */
  readonly folder: string;
  /** Absolute path of a cell's run folder, whether or not it exists. */
  cellFolder(key: string): string;
  /** The finished run of a cell; undefined if it has not succeeded yet. */
  finished(key: string): Promise<StoredRun | undefined>;
  /** The run of a cell in whatever state. */
  read(key: string): Promise<StoredRun | undefined>;
  /** Takes a cell, if nobody has it. Whoever gets it releases it. */
  claim(key: string): Promise<FileLock | undefined>;
}

/** Opens the folder, or makes it. @param out Its path. */
export async function openCellStore(out: string): Promise<CellStore> {
  const folder = resolve(out);
  await mkdir(join(folder, 'cells'), { recursive: true });
  await mkdir(join(folder, 'claims'), { recursive: true });
  await sweepClaims(join(folder, 'claims'));
  const cellFolder = (key: string): string => join(folder, 'cells', key.slice(0, NAME_DIGITS));
  const claimFile = (key: string): string => join(folder, 'claims', key.slice(0, NAME_DIGITS));
  const read = async (key: string): Promise<StoredRun | undefined> =>
    (await isRunFolder(cellFolder(key))) ? readRun(cellFolder(key)) : undefined;
  return {
    folder,
    cellFolder,
    read,
    async finished(key) {
      const run = await read(key);
      return run?.record.status === 'succeeded' ? run : undefined;
    },
    async claim(key) {
      const lock = await tryLock(claimFile(key));
      return 'holder' in lock ? undefined : lock;
    },
  };
}

/** A file that is being written is younger than this, ms. */
const WRITTEN_MS = 60_000;

/** Removes what killed programs have left, also of cells that they had just finished. */
async function sweepClaims(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const path = join(folder, name);
    if (!isTemporary(name)) {
      const lock = await tryLock(path);
      if (!('holder' in lock)) await lock.release();
    } else if (Date.now() - ((await stat(path).catch(() => undefined))?.mtimeMs ?? Infinity) > WRITTEN_MS) {
      await rm(path, { force: true });
    }
  }
}
