/** Where things are: in a checkout everything lies inside it; an installed package uses the user's cache folder. */
import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder that holds package.json, scripts/ and py_backend/. */
export const packageRoot = resolve(dirname(fileURLToPath(import.meta.url)), '..', '..');

/** A checkout has the sources; a published package has only what was built from them. */
export function isCheckout(root = packageRoot) {
  return existsSync(join(root, 'src', 'cli', 'main.ts'));
}

/** `MRPO_CACHE_DIR`, else mrpo's folder in the user's cache folder. */
export function cacheFolder(env = process.env) {
  if (env.MRPO_CACHE_DIR) return resolve(env.MRPO_CACHE_DIR);
  if (env.XDG_CACHE_HOME) return join(env.XDG_CACHE_HOME, 'mrpo');
  if (process.platform === 'darwin') return join(homedir(), 'Library', 'Caches', 'mrpo');
  if (process.platform === 'win32' && env.LOCALAPPDATA) return join(env.LOCALAPPDATA, 'mrpo', 'cache');
  return join(homedir(), '.cache', 'mrpo');
}

/** Folder of the private Python environment. */
export function environmentFolder(root = packageRoot, env = process.env) {
  if (isCheckout(root)) return join(root, '.venv');
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  return join(cacheFolder(env), `python-${version}`);
}

/** The interpreter inside an environment. */
export function pythonIn(environment) {
  return process.platform === 'win32' ? join(environment, 'Scripts', 'python.exe') : join(environment, 'bin', 'python');
}

/** Folder for the lock and other scratch of an installation. */
export function scratchFolder(root = packageRoot, env = process.env) {
  return isCheckout(root) ? join(root, '.cache') : cacheFolder(env);
}
