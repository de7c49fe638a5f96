/**
 * One experiment tracker in a Python process of its own (py_backend/trackers): lines of JSON go in, and nothing that
 * happens there can stop the run. A tracker that fails, dies or cannot keep up is reported once and left out.
 */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { TrackerName } from '../config/index.js';
import { pythonPath, resolvePython } from '../backend/python.js';
import { toMrpoError } from '../core/errors.js';

/** What a tracker is given of a run. */
export interface TrackedRun {
  readonly id: string;
  /** For people: the name of its folder. */
  readonly name: string;
  readonly folder: string;
  readonly config: unknown;
}

/** How the run has ended. */
export type EndStatus = 'succeeded' | 'failed' | 'cancelled';

/** One tracker at work. */
export interface TrackerProcess {
  /** The first `bytes` bytes of a metrics file count, and lines follow; said again when the run went back. */
  begin(metrics: string, bytes: number): void;
  /** One line of metrics.jsonl. */
  line(line: Readonly<Record<string, unknown>>): void;
  /** Waits until the tracker has taken everything, for a while. Never throws. */
  end(status: EndStatus): Promise<void>;
}

/** Which tracker, for which run, and who hears of it. */
export interface TrackerOptions {
  readonly name: TrackerName;
  readonly run: TrackedRun;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The tracker has begun; `where` a person finds the run there. */
  readonly onReady: (where: string) => void;
  /** Called once at most; the tracker is left then. */
  readonly onFailed: (reason: string) => void;
  /** For the last lines to arrive, ms. Default 60,000. */
  readonly endMs?: number | undefined;
}

/** Not the working folder: a folder named `wandb` or `mlflow` in it must not be taken for the package. */
const PROGRAM =
  'import sys; sys.path.pop(0); from runpy import run_module; run_module("py_backend.trackers", run_name="__main__", alter_sys=True)';

/** Lines that wait for a tracker, bytes; with more it does not keep up. */
const BACKLOG_BYTES = 16 * 2 ** 20;
const LAST_LINES = 5;

/** Starts the process and returns at once; `onFailed` says what goes wrong, and nothing throws. */
export function startTracker(options: TrackerOptions): TrackerProcess {
  const { name, run, env, onReady, endMs = 60_000 } = options;
  let open = true;
  let leave = (): void => undefined;
  const fail = (reason: string): void => {
    if (!open) return;
    open = false;
    leave();
    options.onFailed(reason);
  };
  let python: string;
  try {
    python = resolvePython(env['MRPO_PYTHON']);
  } catch (thrown) {
    fail(toMrpoError(thrown).message);
    return { begin: () => undefined, line: () => undefined, end: () => Promise.resolve() };
  }
  const child = spawn(python, ['-c', PROGRAM], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...env, PYTHONPATH: pythonPath(env) },
    detached: true, // Ctrl-C is for this process: the tracker still has to hear how the run ended
  });
  leave = () => void child.kill('SIGKILL');
  const words: string[] = [];
  createInterface({ input: child.stderr }).on('line', (text) => {
    words.push(text);
    if (words.length > LAST_LINES) words.shift();
  });
  createInterface({ input: child.stdout }).on('line', (text) => {
    const answer = JSON.parse(text) as { type: 'ready'; where: string } | { type: 'failed'; message: string };
    if (answer.type === 'failed') fail(answer.message);
    else if (open) onReady(answer.where);
  });
  child.stdin.on('error', () => undefined); // the end of the process says more
  child.on('error', (error) => fail(error.message));
  const closed = new Promise<void>((resolve) => child.once('close', () => resolve()));
  child.once('close', (code, signal) => {
    if (code !== 0)
      fail(`its process ended (${signal ?? `code ${code}`}): ${words.join(' ').trim() || 'no log lines'}`);
  });

  const say = (message: object): void => {
    if (!open) return;
    if (child.stdin.writableLength > BACKLOG_BYTES) fail('it does not keep up with the run');
    else child.stdin.write(`${JSON.stringify(message)}\n`);
  };
  say({ type: 'open', tracker: name, run });
  return {
    begin: (metrics, bytes) => say({ type: 'begin', metrics, bytes }),
    line: (line) => say({ type: 'line', line }),
    async end(status) {
      say({ type: 'end', status });
      child.stdin.end();
      const timer = setTimeout(() => fail(`it did not take the last lines within ${endMs / 1000} s`), endMs);
      await closed;
      clearTimeout(timer);
      open = false;
    },
  };
}
