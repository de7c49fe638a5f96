/**
 * Starting the process of a run, finding one that an earlier service has started, and noticing the end of either. The
 * process outlives the service: its group, its session and its output are its own.
 */
import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { hasEnded, type ProcessOwner } from '../../core/process-owner.js';
import { LOCK_FILE } from '../../store/run-lock.js';
import type { RunHome } from '../home.js';
import { programOf } from './program.js';

/** The process of a run that works. */
export interface WorkerProcess {
  readonly pid: number;
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
    return { pid: child.pid ?? -1, ended };
  } finally {
    closeSync(log);
  }
}

/** The process that works on a run, whoever has started it. */
export function findWorker(home: RunHome, signal: AbortSignal): WorkerProcess | undefined {
  const owner = ownerOf(home);
  if (owner === undefined || hasEnded(owner)) return undefined;
  return { pid: owner.process, ended: endOf(owner, signal) };
}

function ownerOf(home: RunHome): ProcessOwner | undefined {
  try {
    return JSON.parse(readFileSync(join(home.path, LOCK_FILE), 'utf8')) as ProcessOwner;
  } catch {
    return undefined;
  }
}

/** A process that is not a child can only be looked for. */
function endOf(owner: ProcessOwner, signal: AbortSignal): Promise<undefined> {
  return new Promise((resolve) => {
    const timer = setInterval(() => {
      if (!hasEnded(owner)) return;
      clearInterval(timer);
      resolve(undefined);
    }, LOOK_MS);
    signal.addEventListener('abort', () => clearInterval(timer), { once: true });
  });
}

/** Asks a process to stop at the next step boundary. */
export const askToStop = ({ pid }: WorkerProcess): void => send(pid, 'SIGTERM');

/** Ends a process with all that it has started. */
export const endAtOnce = ({ pid }: WorkerProcess): void => send(-pid, 'SIGKILL');

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // gone already
  }
}
