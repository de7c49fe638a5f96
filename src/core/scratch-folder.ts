/**
 * Temporary folders that a killed process cannot leave behind for ever: each holds the name of its owner, and who makes a
 * new one removes those of the same kind whose owner has ended.
 */
import { mkdtempSync, readdirSync, readFileSync, rmdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { hasEnded, thisProcess, type ProcessOwner } from './process-owner.js';

/** The file that names the owner. */
export const OWNER_FILE = 'owner';

/** From making a folder to naming its owner. */
const NAMING_MS = 1_000;

/** Makes `PREFIX-XXXXXX` in `parent`, mode 0700, after a look for abandoned ones. {@link removeScratchFolder} removes it. */
export function makeScratchFolder(parent: string, prefix: string): string {
  sweepScratchFolders(parent, prefix);
  for (;;) {
    const path = mkdtempSync(join(parent, `${prefix}-`));
    try {
      writeFileSync(join(path, OWNER_FILE), JSON.stringify(thisProcess()));
      return path;
    } catch (thrown) {
      // This process stood still for so long that another one has taken the folder for abandoned.
      if ((thrown as NodeJS.ErrnoException).code !== 'ENOENT') throw thrown;
    }
  }
}

/** Removes a scratch folder. The owner's name goes last, so that one whose removal is cut off is still known as abandoned. */
export function removeScratchFolder(path: string): void {
  for (const name of namesIn(path)) {
    if (name !== OWNER_FILE) rmSync(join(path, name), { recursive: true, force: true });
  }
  rmSync(path, { recursive: true, force: true });
}

/**
 * Removes the scratch folders `PREFIX-XXXXXX` in `parent` whose owner has ended. Never throws.
 * @param options.alone The caller alone may write in `parent` and has no scratch folder there: each was left behind.
 */
export function sweepScratchFolders(parent: string, prefix: string, { alone = false } = {}): void {
  const names = namesIn(parent).filter(
    (name) => name.startsWith(`${prefix}-`) && /^\w{6}$/.test(name.slice(prefix.length + 1)),
  );
  for (const name of names) {
    try {
      const path = join(parent, name);
      if (alone || isAbandoned(path)) removeScratchFolder(path);
      else removeUnnamed(path);
    } catch {
      // Another user's, or another process is at the same work.
    }
  }
}

function isAbandoned(path: string): boolean {
  try {
    return hasEnded(JSON.parse(readFileSync(join(path, OWNER_FILE), 'utf8')) as ProcessOwner);
  } catch {
    return false;
  }
}

/** Killed between making the folder and naming its owner: nothing is in it. What has anything else in it is not ours. */
function removeUnnamed(path: string): void {
  if (Date.now() - statSync(path).mtimeMs < NAMING_MS) return;
  const content = readdirSync(path);
  const owner = join(path, OWNER_FILE);
  if (content.length === 1 && content[0] === OWNER_FILE && statSync(owner).size === 0) rmSync(owner);
  if (content.every((name) => name === OWNER_FILE)) rmdirSync(path); // fails where somebody has put something in it
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
