/** The models and pairs of the miniature scale: built by py_backend/miniature from seeds, once, then kept. */
import { spawn } from 'node:child_process';
import { MrpoError } from '../core/errors.js';
import { PROJECT_ROOT, resolvePython } from '../backend/python.js';

/**
 * The world's folder below `home`; about two minutes of one core the first time.
 * @param note Gets what the builder says on the way, a line at a time.
 */
export async function openMiniatureWorld(
  home: string,
  options: { readonly signal?: AbortSignal | undefined; readonly note?: (line: string) => void } = {},
): Promise<string> {
  const python = resolvePython();
  return new Promise((done, fail) => {
    const child = spawn(python, ['-m', 'py_backend.miniature', home, '--paper'], {
      cwd: PROJECT_ROOT,
      stdio: ['ignore', 'pipe', 'pipe'],
      signal: options.signal,
    });
    let printed = '';
    let said = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (printed += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      said = (said + text).slice(-4000);
      for (const line of text.split('\n')) if (line.trim() !== '') options.note?.(line);
    });
    child.on('error', fail);
    child.on('close', (code) => {
      const folder = printed.trim().split('\n').at(-1);
      if (code === 0 && folder) done(folder);
      else fail(new MrpoError('internal', `building the miniature world failed with code ${code}:\n${said}`));
    });
  });
}
