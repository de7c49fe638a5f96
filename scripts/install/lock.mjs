/**
 * One installation at a time per checkout: a lock file that names its owner and the tool the owner has running.
 *
 * A lock is stale when its owner is dead (or has not touched the file for a minute) and its tool is dead too: a killed
 * owner may leave npm or pip behind, still writing.
 */
import {
  closeSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Interrupted } from './problem.mjs';

const POLL_MS = 300;
const TOUCH_MS = 5000;
const TORN_MS = 2000;
const FORGOTTEN_MS = 60_000;

/**
 * Waits for the lock, runs `work` under it, gives the result.
 *
 * @template T
 * @param {string} path lock file
 * @param {(lock: { running(pid: number | undefined): void }) => Promise<T>} work `running` records the tool at work
 * @param {(text: string) => void} note told once when another installation is being waited for
 * @returns {Promise<T>}
 */
export async function withLock(path, work, note) {
  mkdirSync(dirname(path), { recursive: true });
  await acquire(path, note);
  const touch = setInterval(() => utimesSync(path, new Date(), new Date()), TOUCH_MS);
  touch.unref();
  try {
    return await work({ running: (pid) => writeFileSync(path, JSON.stringify({ owner: process.pid, tool: pid })) });
  } finally {
    clearInterval(touch);
    rmSync(path, { force: true });
  }
}

async function acquire(path, note) {
  let interrupted = false;
  const interrupt = () => {
    interrupted = true;
  };
  process.once('SIGINT', interrupt);
  process.once('SIGTERM', interrupt);
  try {
    for (let told = false; !tryCreate(path);) {
      const holder = readHolder(path);
      if (holder === undefined) continue; // released in between
      if (isStale(holder)) {
        removeStale(path, holder.text);
        continue;
      }
      // A file without an owner is being written at this moment, unless it stays so.
      if (!told && (holder.owner !== undefined || holder.idleMs > TORN_MS)) {
        note(`another installation is running here (process ${holder.owner ?? 'unknown'}); waiting for it`);
        told = true;
      }
      await sleep(POLL_MS);
      if (interrupted) throw new Interrupted();
    }
  } finally {
    process.off('SIGINT', interrupt);
    process.off('SIGTERM', interrupt);
  }
}

function tryCreate(path) {
  try {
    const file = openSync(path, 'wx');
    writeFileSync(file, JSON.stringify({ owner: process.pid }));
    closeSync(file);
    return true;
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw error;
  }
}

function readHolder(path) {
  try {
    const text = readFileSync(path, 'utf8');
    const idleMs = Date.now() - statSync(path).mtimeMs;
    try {
      const { owner, tool } = JSON.parse(text);
      return { text, idleMs, owner, tool };
    } catch {
      return { text, idleMs }; // just created, or torn: only its age can tell
    }
  } catch (error) {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  }
}

function isStale({ owner, tool, idleMs }) {
  const ownerAtWork = owner === undefined ? idleMs < FORGOTTEN_MS : isAlive(owner) && idleMs < FORGOTTEN_MS;
  return !ownerAtWork && !isAlive(tool);
}

function isAlive(pid) {
  if (pid === undefined) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

/** Moves the stale lock away; if someone else has replaced it in between, theirs is put back. */
function removeStale(path, text) {
  const aside = `${path}.${process.pid}`;
  try {
    renameSync(path, aside);
  } catch (error) {
    if (error.code === 'ENOENT') return;
    throw error;
  }
  if (readFileSync(aside, 'utf8') === text) rmSync(aside, { force: true });
  else renameSync(aside, path);
}
