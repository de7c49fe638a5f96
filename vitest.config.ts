import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import { LongestFirst } from './test/support/longest-first.js';

const source = (path: string): string => fileURLToPath(new URL(`./src/${path}`, import.meta.url));

export default defineConfig({
  resolve: {
    // The longer name first: an alias also matches what lies below it.
    alias: [
      { find: /^mrpo\/math$/, replacement: source('math/index.ts') },
      { find: /^mrpo$/, replacement: source('index.ts') },
    ],
  },
  test: {
    include: ['test/**/*.test.ts'],
    // Processes, not threads: the embedded backend ties its life to the process (and thread) that started it.
    pool: 'forks',
    maxWorkers: 2,
    sequence: { sequencer: LongestFirst },
    testTimeout: 60_000, // ms; a first call may load a model
    hookTimeout: 180_000, // ms; a hook may start Python and build tiny models
    env: { OMP_NUM_THREADS: '1', TOKENIZERS_PARALLELISM: 'false', HF_HUB_OFFLINE: '1' },
  },
});
