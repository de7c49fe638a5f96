/** Which Python runs the backend: `MRPO_PYTHON`, else the private environment that the installer makes. */
import { accessSync, constants } from 'node:fs';
import { delimiter, isAbsolute } from 'node:path';
import { fileURLToPath } from 'node:url';
import { environmentFolder, isCheckout, pythonIn } from '../../scripts/install/paths.mjs';
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
  const environment = environmentFolder();
  const own = pythonIn(environment);
  if (isExecutable(own)) return own;
  const maker = isCheckout() ? '"npm run quickstart"' : 'a command that computes, such as "npx mrpo train CONFIG",';
  throw new MrpoError('environment', `no Python environment at ${environment}`, {
    hint: `Run ${maker} once: it makes the environment. Or set MRPO_PYTHON.`,
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
