/**
 * Starting the process of a run, finding one that an earlier service has started, and noticing the end of either. The
 * process outlives the service: its group, its session and its output are its own.
 */
import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { hasEnded, isOfHere, type ProcessOwner } from '../../core/process-owner.js';
import { isFresh, TOUCH_MS } from '../../store/file-lock.js';
import { LOCK_FILE } from '../../store/run-lock.js';
import type { RunHome } from '../home.js';
import { programOf } from './program.js';

/** The process of a run that works. */
export interface WorkerProcess {
  /** Undefined: no signal reaches it, for it could not be started, or works on another machine or in another container. */
  readonly pid: number | undefined;
  /** Resolves when it is gone; with the exit code where it is known. */
  readonly ended: Promise<number | undefined>;
}

const LOOK_MS = 250;

/** Starts an attempt of a run. */
export function startWorker(home: RunHome, backend: string, env: NodeJS.ProcessEnv): WorkerProcess {
  const log = openSync(home.log, 'a');
  try {
    const child = spawn(process.execPath, [...programOf('main'), home.path, backend], {
      cwd: home.path,
      env,
      stdio: ['ignore', log, log],
      detached: true,
    });
    const ended = new Promise<number | undefined>((resolve) => {
      child.once('error', () => resolve(undefined));
      child.once('exit', (code) => resolve(code ?? undefined));
    });
    child.unref();
    return { pid: child.pid, ended };
  } finally {
    closeSync(log);
  }
}

/** The process that works on a run, whoever has started it. */
export function findWorker(home: RunHome, signal: AbortSignal): WorkerProcess | undefined {
  const owner = ownerOf(home);
  if (owner === undefined || isGone(home, owner)) return undefined;
  return { pid: isOfHere(owner) ? owner.process : undefined, ended: endOf(home, owner, signal) };
}

const lockOf = (home: RunHome): string => join(home.path, LOCK_FILE);

function ownerOf(home: RunHome): ProcessOwner | undefined {
  try {
    return JSON.parse(readFileSync(lockOf(home), 'utf8')) as ProcessOwner;
  } catch {
    return undefined;
  }
}

/** Of a process elsewhere its lock is all that can be seen; one touch later its further ones are no longer fresh either. */
const isGone = (home: RunHome, owner: ProcessOwner): boolean =>
  hasEnded(owner) || (!isOfHere(owner) && !isFresh(lockOf(home), TOUCH_MS));

/** A process that is not a child can only be looked for. */
function endOf(home: RunHome, owner: ProcessOwner, signal: AbortSignal): Promise<undefined> {
  return new Promise((resolve) => {
    const timer = setInterval(() => {
      if (!isGone(home, owner)) return;
      clearInterval(timer);
      resolve(undefined);
    }, LOOK_MS);
    signal.addEventListener('abort', () => clearInterval(timer), { once: true });
  });
}

/** Asks a process to stop at the next step boundary. */
export const askToStop = ({ pid }: WorkerProcess): void => send(pid, 'SIGTERM');

/** Ends a process with all that it has started. */
export const endAtOnce = ({ pid }: WorkerProcess): void => send(pid === undefined ? undefined : -pid, 'SIGKILL');

function send(pid: number | undefined, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(pid, signal);
  } catch {
    // gone already
  }
}
