/** What `score`, `references` and `whatif` start from: a configuration, all its pairs, the cache, a backend if needed. */
import { loadConfig, type RunConfig } from '../config/index.js';
import { loadData, type PreferencePair } from '../data/index.js';
import { cacheFile, openLogpCache, type LogpCache } from '../references/index.js';
import type { CliIo } from './command.js';
import { lazyBackend, type LazyBackend } from './lazy-backend.js';

/** What is open while `work` runs. */
export interface ScoringInputs {
  readonly config: RunConfig;
  /** Training pairs, then held-out pairs. */
  readonly pairs: readonly PreferencePair[];
  readonly cache: LogpCache;
  readonly backend: LazyBackend;
  /** Folder that paths of the configuration are relative to. */
  readonly baseDir: string;
}

/** Flags that the three commands share. */
export interface ScoringInputOptions {
  readonly set: readonly string[];
  readonly backend?: string | undefined;
}

/** Loads everything, hands it to `work`, and closes it again whatever happens. */
export async function withScoringInputs<T>(
  io: CliIo,
  file: string,
  options: ScoringInputOptions,
  work: (inputs: ScoringInputs) => Promise<T>,
): Promise<T> {
  const { config, warnings, baseDir } = loadConfig({ file, set: options.set, env: io.env, cwd: io.cwd });
  for (const warning of warnings) io.note(`note: ${warning}\n`);
  const backend = lazyBackend(io, options.backend);
  const cache = openLogpCache({ path: cacheFile(io.env) });
  try {
    const data = await loadData(config.data, {
      seed: config.training.seed,
      signal: io.signal,
      hub: async function* (dataset, part) {
        yield* (await backend.open()).readDataset(dataset, { signal: io.signal, ...part });
      },
    });
    return await work({ config, pairs: [...data.train, ...data.eval], cache, backend, baseDir });
  } finally {
    await backend.close();
    cache.close();
  }
}
