/** Runs npm, pip or Python to its end, line by line, and stops it when the user interrupts. */
import { spawn } from 'node:child_process';
import { Interrupted } from './problem.mjs';

const KEPT_CHARACTERS = 200_000;
const KILL_AFTER_MS = 5000;

/**
 * Runs a command and gives its exit code and output. Rejects with {@link Interrupted} after Ctrl-C or SIGTERM, and
 * with the system's error when the command cannot be started.
 *
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{ cwd?: string, env?: Record<string, string | undefined>, onLine?: (line: string) => void,
 *           onStart?: (pid: number) => void }} options
 * @returns {Promise<{ code: number, output: string }>}
 */
export function runTool(command, args, { cwd, env = process.env, onLine, onStart } = {}) {
  return new Promise((resolve, reject) => {
    const windowsScript = process.platform === 'win32' && /\.cmd$/i.test(command);
    const child = spawn(command, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'], shell: windowsScript });
    if (child.pid !== undefined) onStart?.(child.pid);
    let output = '';
    let interrupted = false;
    const interrupt = () => {
      if (interrupted) return;
      interrupted = true;
      child.kill('SIGTERM');
      setTimeout(() => child.kill('SIGKILL'), KILL_AFTER_MS).unref();
    };
    process.on('SIGINT', interrupt);
    process.on('SIGTERM', interrupt);
    const settle = (finish) => {
      process.off('SIGINT', interrupt);
      process.off('SIGTERM', interrupt);
      finish();
    };
    for (const stream of [child.stdout, child.stderr]) {
      let rest = '';
      stream.setEncoding('utf8');
      stream.on('data', (text) => {
        output = (output + text).slice(-KEPT_CHARACTERS);
        const lines = (rest + text).split(/\r?\n|\r/);
        rest = lines.pop() ?? '';
        for (const line of lines) if (line.trim() !== '') onLine?.(line.trim());
      });
    }
    child.on('error', (error) => settle(() => reject(error)));
    child.on('close', (code) =>
      settle(() => (interrupted ? reject(new Interrupted()) : resolve({ code: code ?? 1, output }))),
    );
  });
}
