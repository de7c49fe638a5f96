/** Configurations, caches and backends for the tests of this folder. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { Backend } from '../../src/backend/backend.js';
import { createMemoryBackend } from '../../src/backend/memory.js';
import { loadConfig, type RunConfig, type RunConfigInput } from '../../src/config/index.js';
import { openLogpCache, type CacheOptions, type LogpCache } from '../../src/references/cache/index.js';

/** A toy policy, itself as RefM1, and two further toys. */
export function toyConfig(changes: Partial<RunConfigInput> = {}): RunConfig {
  return loadConfig({
    object: {
      policy: { model: 'toy:policy' },
      references: [{ model: 'policy' }, { model: 'toy:second' }, { model: 'toy:third' }],
      data: { train: 'pairs.jsonl' },
      ...changes,
    },
    env: {},
  }).config;
}

/** A folder that is gone when the test is over. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'mrpo-references-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A cache that ends with the test. */
export function temporaryCache(options: CacheOptions = {}): LogpCache {
  const cache = openLogpCache({ path: ':memory:', ...options });
  onTestFinished(() => cache.close());
  return cache;
}

/** A backend that notes what it was asked: calls go through to the toy backend unchanged. */
export function watchedBackend(options: Parameters<typeof createMemoryBackend>[0] = {}): {
  backend: Backend;
  loaded: string[];
  inMemory: () => number;
} {
  const inner = createMemoryBackend(options);
  const loaded: string[] = [];
  let inMemory = 0;
  const backend: Backend = {
    ...inner,
    async loadModel(spec, call) {
      const model = await inner.loadModel(spec, call);
      loaded.push(spec.source);
      inMemory += 1;
      if (inMemory > 1) throw new Error('two models in memory at once');
      return model;
    },
    async unloadModel(handle) {
      await inner.unloadModel(handle);
      inMemory -= 1;
    },
  };
  return { backend, loaded, inMemory: () => inMemory };
}
