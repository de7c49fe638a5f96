/**
 * Temporary folders that a killed process cannot leave behind for ever: each holds the name of its owner, and who makes a
 * new one removes those of the same kind whose owner has ended.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { hasEnded, thisProcess, type ProcessOwner } from './process-owner.js';

/** The file that names the owner. */
export const OWNER_FILE = 'owner';

/** From making a folder to naming its owner; one that has no owner after it was made by a process that is gone. */
const NAMING_MS = 60_000;

/** Makes `PREFIX-XXXXXX` in `parent`, mode 0700, after a look for abandoned ones. Removing it is the caller's. */
export function makeScratchFolder(parent: string, prefix: string): string {
  sweepScratchFolders(parent, prefix);
  const path = mkdtempSync(join(parent, `${prefix}-`));
  writeFileSync(join(path, OWNER_FILE), JSON.stringify(thisProcess()));
  return path;
}

/**
 * Removes the scratch folders `PREFIX-XXXXXX` in `parent` whose owner has ended. Never throws.
 * @param options.alone The caller alone may write in `parent` and has no scratch folder there: each was left behind.
 */
export function sweepScratchFolders(parent: string, prefix: string, { alone = false } = {}): void {
  let names: readonly string[] = [];
  try {
    names = readdirSync(parent).filter((name) => name.startsWith(`${prefix}-`) && /^\w{6}$/.test(name.slice(-6)));
  } catch {
    return;
  }
  for (const name of names) {
    const path = join(parent, name);
    if (name.length !== prefix.length + 7 || !(alone || isAbandoned(path))) continue;
    try {
      rmSync(path, { recursive: true, force: true });
    } catch {
      // Another user's, or another process is at the same work.
    }
  }
}

function isAbandoned(path: string): boolean {
  try {
    return hasEnded(JSON.parse(readFileSync(join(path, OWNER_FILE), 'utf8')) as ProcessOwner);
  } catch {
    return isOld(path);
  }
}

/** Without an owner for so long: its process was killed before it named itself, or while it removed what was in it. */
function isOld(path: string): boolean {
  try {
    return Date.now() - statSync(path).mtimeMs > NAMING_MS;
  } catch {
    return false;
  }
}
