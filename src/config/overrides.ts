/** Settings from outside the file: `--set a.b=c` flags and `MRPO_SET_A__B=c` environment variables. */
import { parseDocument } from 'yaml';

import type { MrpoError } from '../core/errors.js';
import { SETTING_PREFIX, readDotenv } from './dotenv.js';
import { formatPath, parsePath, type ConfigPath } from './path.js';
import { configError } from './problem.js';

/** One assignment, with where it was written. */
export interface Override {
  readonly path: ConfigPath;
  readonly value: unknown;
  readonly where: string;
}

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
  const overrides: Override[] = [];
  for (const [source, variables] of [
    ['.env: ', readDotenv(folder).settings],
    ['', environment],
  ] as const) {
    for (const [name, text] of Object.entries(variables)) {
      if (!name.startsWith(SETTING_PREFIX) || text === undefined) continue;
      const path = name.slice(SETTING_PREFIX.length).toLowerCase().replaceAll('__', '.');
      const override = assignment(path, text, `${source}${name}`);
      if (source !== '' && namesModule(override)) throw moduleInDotenv(override);
      overrides.push(override);
    }
  }
  return overrides;
}

/** `objective.module` is a program that is run; a file in the working folder must not choose one. */
function namesModule({ path, value }: Override): boolean {
  if (path[0] !== 'objective') return false;
  return path.length > 1 ? path[1] === 'module' : typeof value === 'object' && value !== null && 'module' in value;
}

const moduleInDotenv = ({ where }: Override): MrpoError =>
  configError(
    [
      {
        path: ['objective', 'module'],
        where,
        message: 'a .env file cannot name a module to run; name it in the configuration or with --set',
      },
    ],
    where,
  );

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
