/** A real service in this process, with a folder of pairs and tiny models, for tests. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RunConfigInput } from '../../src/config/index.js';
import { startService, type RunsService, type ServeOptions } from '../../src/service/serve.js';
import { testPython, tinyModel } from '../support/tiny-models.js';

export interface World {
  readonly folder: string;
  readonly data: string;
  /** Options of a service in this folder. */
  readonly options: ServeOptions;
  /** A small run on the tiny Llama. */
  config(training?: RunConfigInput['training']): RunConfigInput;
  remove(): void;
}

export function serviceWorld(): World {
  const folder = mkdtempSync(join(tmpdir(), 'mrpo-service-'));
  const data = join(folder, 'pairs.jsonl');
  const rows = Array.from({ length: 24 }, (_, i) => ({
    prompt: [{ role: 'user', content: `What is ${i} plus two?` }],
    chosen: [{ role: 'assistant', content: `It is ${i + 2}.` }],
    rejected: [{ role: 'assistant', content: `No idea, perhaps ${i}, ask again${' later'.repeat(i % 3)}.` }],
  }));
  writeFileSync(data, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  const model = tinyModel('llama');
  return {
    folder,
    data,
    options: {
      home: join(folder, 'home'),
      address: '127.0.0.1:0',
      roots: [folder, join(model, '..', '..')],
      env: {
        ...process.env,
        MRPO_PYTHON: testPython(),
        MRPO_CACHE_DIR: join(folder, 'cache'),
        OMP_NUM_THREADS: '1',
      },
    },
    config: (training = {}) => ({
      policy: { model, lora: { r: 4 } },
      references: [{ name: 'self', model: 'policy' }],
      data: { train: data, eval: 6, max_length: 96 },
      training: { learning_rate: 1e-3, batch_size: 2, epochs: 100, max_steps: 4, micro_batch_tokens: 256, ...training },
      generate: { samples: 0 },
    }),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

export type { RunsService };
export { startService };
