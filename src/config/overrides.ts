/** Settings from outside the file: `--set a.b=c` flags and `MRPO_SET_A__B=c` environment variables. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse as parseDotenv } from 'dotenv';
import { parseDocument } from 'yaml';

import { formatPath, parsePath, type ConfigPath } from './path.js';
import { configError } from './problem.js';

/** One assignment, with where it was written. */
export interface Override {
  readonly path: ConfigPath;
  readonly value: unknown;
  readonly where: string;
}

/** Prefix of the environment variables that are settings: `MRPO_SET_training__learning_rate=1e-5`. */
export const ENVIRONMENT_PREFIX = 'MRPO_SET_';

/**
 * Reads `path=value`; the value is typed as in YAML: `3`, `1e-5`, `true`, `[0.7, 0.3]`, `{mode: off}`, text.
 * @throws MrpoError `config` if there is no `=`, no path, or the value is not YAML.
 */
export function parseFlag(flag: string): Override {
  const where = `--set ${flag}`;
  const equals = flag.indexOf('=');
  if (equals < 1) {
    throw configError(
      [{ path: [], where, message: 'expected KEY=VALUE, e.g. --set training.learning_rate=1e-5' }],
      where,
    );
  }
  return assignment(flag.slice(0, equals).trim(), flag.slice(equals + 1), where);
}

/**
 * Settings in the environment and in the `.env` file of a folder; a variable of the environment wins over the file.
 * Double underscores separate keys and capitals do not matter: `MRPO_SET_REFERENCES__1__DTYPE=float32`.
 */
export function readEnvironment(environment: NodeJS.ProcessEnv, folder: string): Override[] {
  const envFile = join(folder, '.env');
  // parse() and not config(): it prints nothing and leaves process.env alone.
  const fromFile = existsSync(envFile) ? parseDotenv(readFileSync(envFile)) : {};
  const overrides: Override[] = [];
  for (const [source, variables] of [
    ['.env: ', fromFile],
    ['', environment],
  ] as const) {
    for (const [name, text] of Object.entries(variables)) {
      if (!name.startsWith(ENVIRONMENT_PREFIX) || text === undefined) continue;
      const path = name.slice(ENVIRONMENT_PREFIX.length).toLowerCase().replaceAll('__', '.');
      overrides.push(assignment(path, text, `${source}${name}`));
    }
  }
  return overrides;
}

function assignment(pathText: string, valueText: string, where: string): Override {
  const path = parsePath(pathText);
  if (path === undefined) {
    throw configError(
      [{ path: [], where, message: `${JSON.stringify(pathText)} is not a key path such as a.b or a[0].b` }],
      where,
    );
  }
  const document = parseDocument(valueText, { prettyErrors: false });
  const error = document.errors[0];
  if (error !== undefined) {
    throw configError(
      [{ path: [], where, message: `${formatPath(path)}: the value is not YAML: ${error.message}` }],
      where,
    );
  }
  return { path, value: document.toJS() as unknown, where };
}
