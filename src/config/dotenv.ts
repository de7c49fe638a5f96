/**
 * The `.env` file of the working folder: data that came with a folder, so it may set what the README lists and nothing
 * that runs code or redirects programs (MRPO_PYTHON, PYTHONPATH, LD_PRELOAD, proxies, package indexes, ...).
 */
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'dotenv';

/** Prefix of the variables that are settings of a run: `MRPO_SET_training__learning_rate=1e-5`. */
export const SETTING_PREFIX = 'MRPO_SET_';

const VARIABLES: ReadonlySet<string> = new Set([
  'MRPO_BACKEND',
  'MRPO_TOKEN',
  'MRPO_TLS_CA',
  'MRPO_TLS_CERT',
  'MRPO_TLS_KEY',
  'MRPO_TLS_CLIENT_CA',
  'MRPO_CACHE_DIR',
  'MRPO_DEBUG',
  'OMP_NUM_THREADS',
  'HF_TOKEN',
]);

/** Names that somebody may expect to work; of what belongs to other programs nothing is said. */
const EXPECTED = /^(MRPO|PYTHON|LD|DYLD|NODE|NPM|PIP|HF|CUDA|OMP|TORCH)_?/i;

/** The lines of a `.env` file, sorted by what becomes of them. */
export interface Dotenv {
  /** Variables that the file may set. */
  readonly variables: Readonly<Record<string, string>>;
  /** Settings of a run, with their prefix. */
  readonly settings: Readonly<Record<string, string>>;
  /** Names that look like settings and may not come from a file; the user is warned about them. */
  readonly ignored: readonly string[];
}

/** Reads `.env` in a folder; without one, everything is empty. */
export function readDotenv(folder: string): Dotenv {
  const path = join(folder, '.env');
  const variables: Record<string, string> = {};
  const settings: Record<string, string> = {};
  const ignored: string[] = [];
  const isFile = statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;
  for (const [name, value] of Object.entries(isFile ? parse(readFileSync(path)) : {})) {
    if (name.startsWith(SETTING_PREFIX)) settings[name] = value;
    else if (VARIABLES.has(name)) variables[name] = value;
    else if (EXPECTED.test(name)) ignored.push(name);
  }
  return { variables, settings, ignored };
}

/** Adds the variables of `.env` that `environment` does not have. Returns warnings for the user, one sentence each. */
export function applyDotenv(environment: NodeJS.ProcessEnv, folder: string): readonly string[] {
  const { variables, ignored } = readDotenv(folder);
  for (const [name, value] of Object.entries(variables)) environment[name] ??= value;
  if (ignored.length === 0) return [];
  const [verb, it] = ignored.length === 1 ? ['is', 'it'] : ['are', 'them'];
  return [`.env: ${ignored.join(', ')} ${verb} not read from a file; set ${it} in the environment`];
}
