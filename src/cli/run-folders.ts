/** Runs without a service: the folders that `mrpo train` writes, and the processes that work on them. */
import { readFileSync, statSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { hasEnded, type ProcessOwner } from '../core/process-owner.js';
import { MrpoError } from '../core/errors.js';
import { isRunFolder, readRun, type StoredRun } from '../sdk/index.js';
import { LOCK_FILE } from '../store/run-lock.js';
import type { CliIo } from './command.js';

/** Runs in a folder and one level below it, newest first. */
export async function runsIn(folder: string): Promise<readonly StoredRun[]> {
  const names = await readdir(folder, { withFileTypes: true }).catch(() => []);
  const paths = [folder, ...names.filter((entry) => entry.isDirectory()).map(({ name }) => join(folder, name))];
  const there = await Promise.all(paths.map(async (path) => ((await isRunFolder(path)) ? [path] : [])));
  const runs = await Promise.all(there.flat().map((path) => readRun(path).catch(() => undefined)));
  return runs.filter((run) => run !== undefined).sort((a, b) => (a.record.createdAt < b.record.createdAt ? 1 : -1));
}

/** @throws MrpoError `usage` where a folder that was named is not there: no runs in it would be no answer. */
export function requireFolder(folder: string, { cwd }: Pick<CliIo, 'cwd'>): void {
  const path = resolve(cwd, folder);
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory() !== true)
    throw new MrpoError('usage', `${path}: there is no such folder`);
}

/**
 * Asks the process that works on a run to stop at the next step.
 * @throws MrpoError `usage` where none does.
 */
export function stopRunIn(folder: string): void {
  const owner = ownerOf(folder);
  if (owner === undefined || hasEnded(owner)) {
    throw new MrpoError('usage', `${folder}: no process of this machine works on this run`);
  }
  process.kill(owner.process, 'SIGTERM');
}

function ownerOf(folder: string): ProcessOwner | undefined {
  try {
    return JSON.parse(readFileSync(join(resolve(folder), LOCK_FILE), 'utf8')) as ProcessOwner;
  } catch {
    return undefined;
  }
}
