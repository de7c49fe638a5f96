/** Which Python runs the backend: `MRPO_PYTHON`, else the project's own environment. */
import { accessSync, constants } from 'node:fs';
import { delimiter, isAbsolute, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { MrpoError } from '../core/errors.js';

/** The folder that holds package.json and py_backend; two levels up, from `src` as from `dist`. */
export const PROJECT_ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** An executable Python. Throws code `environment` when there is none. */
export function resolvePython(asked: string | undefined = process.env['MRPO_PYTHON']): string {
  if (asked !== undefined && asked !== '') {
    if (isExecutable(asked)) return asked;
    throw new MrpoError('environment', `MRPO_PYTHON: ${asked} is not an executable file`, {
      hint: 'Give the full path of a Python with the packages of requirements.txt, or unset it.',
    });
  }
  const own = join(PROJECT_ROOT, '.venv', 'bin', 'python');
  if (isExecutable(own)) return own;
  throw new MrpoError('environment', `no Python environment at ${join(PROJECT_ROOT, '.venv')}`, {
    hint: 'Run "npm run quickstart" once: it makes the environment. Or set MRPO_PYTHON.',
  });
}

/**
 * Where Python finds the backend's modules: the project first, then what the environment names. Not the working folder,
 * which an empty or relative entry would mean: whatever lies there is data.
 */
export function pythonPath(env: Readonly<Record<string, string | undefined>> = process.env): string {
  const named = (env['PYTHONPATH'] ?? '').split(delimiter).filter((entry) => isAbsolute(entry));
  return [PROJECT_ROOT, ...named].join(delimiter);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
