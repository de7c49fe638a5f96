/** A folder that only this user can enter, for the socket and the log of one embedded backend. */
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeScratchFolder, removeScratchFolder } from '../../core/scratch-folder.js';

/** Absolute paths in a folder with mode 0700. */
export interface PrivateFolder {
  readonly path: string;
  readonly socket: string;
  readonly log: string;
  /** Deletes the folder and everything in it; no error if it is gone. */
  remove(): void;
}

/** Room for `mrpo-XXXXXX/s` below the system's limit on socket paths. */
const LONGEST_PARENT = 80;

/** Made with mode 0700; in /tmp where the temporary folder's own path is too long for a socket. */
export function makePrivateFolder(): PrivateFolder {
  const parent = Buffer.byteLength(tmpdir()) <= LONGEST_PARENT ? tmpdir() : '/tmp';
  const path = makeScratchFolder(parent, 'mrpo');
  return {
    path,
    socket: join(path, 's'),
    log: join(path, 'log'),
    remove: () => removeScratchFolder(path),
  };
}
