/** Where the log-prob cache lies: in the user's cache folder, shared by all runs. */
import { homedir } from 'node:os';
import { join } from 'node:path';

type Environment = Readonly<Record<string, string | undefined>>;

/** `$MRPO_CACHE_DIR`, else `$XDG_CACHE_HOME/mrpo`, else `~/.cache/mrpo`. */
export function cacheFolder(env: Environment = process.env): string {
  const own = env['MRPO_CACHE_DIR'];
  if (own !== undefined && own !== '') return own;
  const shared = env['XDG_CACHE_HOME'];
  return join(shared !== undefined && shared !== '' ? shared : join(homedir(), '.cache'), 'mrpo');
}

/** The cache file in {@link cacheFolder}. */
export function cacheFile(env: Environment = process.env): string {
  return join(cacheFolder(env), 'logps.sqlite');
}
