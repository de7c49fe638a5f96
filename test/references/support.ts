/** Pairs, configurations and caches for the tests of this folder. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { Backend } from '../../src/backend/backend.js';
import { createMemoryBackend } from '../../src/backend/memory.js';
import { loadConfig, type RunConfig, type RunConfigInput } from '../../src/config/index.js';
import { makePair } from '../../src/data/make-pair.js';
import type { PreferencePair } from '../../src/data/pair.js';
import { openLogpCache, type CacheOptions, type LogpCache } from '../../src/references/cache/index.js';

const WORDS = 'the quick brown fox jumps over a lazy dog while rain falls on old stone walls and birds sing near green hills'.split(' ');

/** `count` different conversational pairs; the same number always gives the same pairs. */
export function samplePairs(count: number, first = 0): PreferencePair[] {
  return Array.from({ length: count }, (_, i) => {
    const n = first + i;
    const word = (k: number): string => WORDS[(n * 7 + k * 3) % WORDS.length] ?? 'word';
    return makePair(
      {
        prompt: [{ role: 'user', content: `question ${n} about ${word(1)} and ${word(2)}` }],
        chosen: [{ role: 'assistant', content: `answer ${n}: ${word(3)} ${word(4)} ${word(5)} ${word(6)}` }],
        rejected: [{ role: 'assistant', content: `reply ${word(8)} ${n} ${word(9)}` }],
        plain: false,
      },
      n + 1,
    );
  });
}

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
export function watchedBackend(options: Parameters<typeof createMemoryBackend>[0] = {}): { backend: Backend; loaded: string[]; inMemory: () => number } {
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
