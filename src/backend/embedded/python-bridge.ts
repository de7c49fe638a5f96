/**
 * A Python process started by pythonia, used for short calls that carry only text. pythonia starts Python when it is
 * loaded, answers nothing when Python dies, and hands Python this process's own streams; this file makes that safe:
 *
 * - each bridge loads a fresh copy of pythonia, so that every one has its own process;
 * - Python runs under py_backend/embedded-python.sh: its output goes to a log file, and Ctrl-C stays with Node;
 * - every call is raced against the end of the process;
 * - the process ends with `stop`, with this process, or at the latest by SIGKILL.
 */
import type { ChildProcess } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { abortError, throwIfAborted } from '../../core/abort.js';
import { deathFault, memoryKills } from '../death.js';
import { BackendFault } from '../fault.js';
import { PROJECT_ROOT, pythonPath } from '../python.js';
import { lastLogLines } from './log-file.js';

/** A running Python process and the one function of it that is called. */
export interface PythonBridge {
  readonly pid: number;
  /** Fires when the process has ended, with a `died` {@link BackendFault} as reason. */
  readonly ended: AbortSignal;
  /** `module.call_json(name, payload)`: JSON text there and back. A signal stops the waiting, not Python. */
  call(name: string, payload: unknown, timeoutMs: number, signal?: AbortSignal): Promise<unknown>;
  /** Waits `graceMs` milliseconds for Python to exit, then kills it. Never throws. */
  stop(graceMs: number): Promise<void>;
  /** Kills Python at once. Gives the `died` fault that `ended` fires with: `why`, and the last log lines. */
  kill(why: string): BackendFault;
}

/** Which Python is started, with what. */
export interface BridgeOptions {
  /** Path of the executable. */
  readonly python: string;
  /** Importable from the project root; must have `call_json`. */
  readonly module: string;
  /** Receives stdout and stderr of Python. */
  readonly logPath: string;
  /** Added to the environment of this process. Default: nothing. */
  readonly env?: Readonly<Record<string, string>>;
}

/** What is used of pythonia, whose own types say `any`. */
interface Pythonia {
  readonly com: { readonly proc: ChildProcess };
  python(module: string): PromiseLike<{ call_json(name: string, payload: string): Promise<string> }>;
}

/** A killed process is gone within moments; a wait for it still needs an end. */
const KILL_WAIT_MS = 5_000;
/** From a failed write to the exit that explains it. */
const EXIT_WAIT_MS = 1_000;

/** Starts Python and returns at once; the first call waits until the module is imported. */
export function startPython(options: BridgeOptions): PythonBridge {
  const { pythonia, endTasks } = loadPythonia(options);
  const { proc } = pythonia.com;
  const ended = new AbortController();
  const killsBefore = memoryKills();
  const over = (why: string): void =>
    ended.abort(new BackendFault('died', `the Python backend ${why}. ${lastLogLines(options.logPath)}`.trimEnd()));
  const lost = (error: Error): void => over(`cannot be reached (${error.message})`);
  proc.on('error', (error) => {
    if (proc.pid === undefined) lost(error);
    // A write that failed: the process is ending, and how it ends says more.
    else setTimeout(() => lost(error), EXIT_WAIT_MS).unref();
  });
  proc.once('exit', (code, signal) =>
    ended.abort(deathFault({ code, signal, lastLogLines: lastLogLines(options.logPath), killsBefore })),
  );
  const killAtExit = (): void => void proc.kill('SIGKILL');
  process.once('exit', killAtExit);
  ended.signal.addEventListener('abort', () => process.removeListener('exit', killAtExit), { once: true });
  endTasks(); // pythonia's timer would keep this process alive
  // Neither the child nor its channel keeps a finished program running; calls below wait on timers of their own.
  proc.unref();
  proc.channel?.unref();

  const module = Promise.resolve(pythonia.python(options.module));
  module.catch(() => undefined); // reported by the call that waits for it
  return {
    pid: proc.pid ?? -1,
    ended: ended.signal,
    async call(name, payload, timeoutMs, signal) {
      if (ended.signal.aborted) throw ended.signal.reason as BackendFault;
      throwIfAborted(signal);
      const answer = module.then((loaded) => loaded.call_json(name, JSON.stringify(payload)));
      return JSON.parse(await answerOrEnd(answer, name, timeoutMs, ended.signal, signal)) as unknown;
    },
    async stop(graceMs) {
      if (ended.signal.aborted) return;
      if (proc.connected) proc.disconnect(); // Python reads the end of its input and exits
      await exitWithin(ended.signal, graceMs);
      if (!ended.signal.aborted) {
        proc.kill('SIGKILL');
        await exitWithin(ended.signal, KILL_WAIT_MS);
      }
    },
    kill(why) {
      over(why);
      proc.kill('SIGKILL');
      return ended.signal.reason as BackendFault;
    },
  };
}

/** Loads a copy of pythonia of its own, which starts Python at once, with the environment that Python is to see. */
function loadPythonia(options: BridgeOptions): { pythonia: Pythonia; endTasks: () => void } {
  const require = createRequire(import.meta.url);
  const folder = dirname(require.resolve('pythonia'));
  const forget = (): void => {
    for (const path of Object.keys(require.cache)) if (path.startsWith(folder)) delete require.cache[path];
  };
  const globals = globalThis as { __pythonBridge?: { end(): void } };
  const before = globals.__pythonBridge;
  const restore = changeEnvironment({
    ...options.env,
    REQ_TIMEOUT: '0', // no timers of pythonia's: they would outlive Python, and this file has its own
    PYTHON_BIN: join(PROJECT_ROOT, 'py_backend', 'embedded-python.sh'),
    PYTHONPATH: pythonPath(),
    MRPO_EMBEDDED_PYTHON: options.python,
    MRPO_EMBEDDED_LOG: options.logPath,
  });
  try {
    forget();
    const pythonia = require('pythonia') as Pythonia;
    const bridge = globals.__pythonBridge;
    return { pythonia, endTasks: () => bridge?.end() };
  } finally {
    restore();
    forget();
    if (before === undefined) delete globals.__pythonBridge;
    else globals.__pythonBridge = before;
  }
}

function changeEnvironment(changes: Readonly<Record<string, string>>): () => void {
  const before = Object.keys(changes).map((name) => [name, process.env[name]] as const);
  Object.assign(process.env, changes);
  return () => {
    for (const [name, value] of before) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  };
}

/** The answer, or what comes before it: the end of the process, a stop, the timeout, a Python exception. */
function answerOrEnd<T>(
  answer: Promise<T>,
  name: string,
  timeoutMs: number,
  ended: AbortSignal,
  stop: AbortSignal | undefined,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const giveUp = (): void => {
      settle(() => reject(ended.aborted ? (ended.reason as BackendFault) : abortError(stop)));
    };
    const timer = setTimeout(() => {
      settle(() => reject(new BackendFault('failed', `Python did not answer "${name}" within ${timeoutMs / 1000} s`)));
    }, timeoutMs);
    const settle = (act: () => void): void => {
      clearTimeout(timer);
      for (const signal of [ended, stop]) signal?.removeEventListener('abort', giveUp);
      act();
    };
    for (const signal of [ended, stop]) signal?.addEventListener('abort', giveUp, { once: true });
    answer.then(
      (value) => settle(() => resolve(value)),
      (thrown: unknown) => settle(() => reject(bridgeFault(thrown, name))),
    );
  });
}

/** pythonia leaves `message` empty; the last line of its `stack`, after a mark, is the Python exception. */
function bridgeFault(thrown: unknown, name: string): BackendFault {
  const trace = stripVTControlCharacters(thrown instanceof Error ? (thrown.stack ?? '') : String(thrown)).trimEnd();
  const text = (trace.split('\n').at(-1) ?? '').replace(/^(🌉|\*\*\* JS \*\*\*)\s*/u, '');
  return new BackendFault('failed', `the Python backend, asked to ${name}: ${text}`, {
    cause: thrown,
    details: { trace },
  });
}

function exitWithin(ended: AbortSignal, ms: number): Promise<void> {
  if (ended.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    ended.addEventListener('abort', () => (clearTimeout(timer), resolve()), { once: true });
  });
}
