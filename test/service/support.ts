/** A real service in this process, with a folder of pairs and tiny models, for tests. */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { RunConfigInput } from '../../src/config/index.js';
import { hasEnded, type ProcessOwner } from '../../src/core/process-owner.js';
import { startService, type RunsService, type ServeOptions } from '../../src/service/serve.js';
import { descendantsOf } from '../runs/kill-run.js';
import { testPython, tinyModel } from '../support/tiny-models.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

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

/** The service as a process of its own, for tests that kill it. */
export function startServiceProcess(
  { options, folder }: World,
  slots: number,
  more: readonly string[] = [],
): ChildProcess {
  const { home, address, roots, env } = options;
  const backend = more.includes('--backend') ? [] : ['--backend', `embedded*${slots}`];
  const flags = [
    '--page',
    'off',
    '--home',
    home,
    '--address',
    address,
    ...backend,
    ...more,
    '--json',
    '--roots',
    ...roots,
  ];
  return spawn(process.execPath, [join(ROOT, 'bin/mrpo.js'), 'serve', ...flags], {
    env,
    cwd: folder,
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: true,
  });
}

/** Resolves when it listens, or has ended. */
export async function listening(child: ChildProcess): Promise<void> {
  if (child.stdout === null) return;
  for await (const _ of createInterface({ input: child.stdout })) return;
}

/** Process of a run, and all that it has started; none where nobody works on it. */
export function processesOf({ options }: World, id: string): number[] {
  try {
    const lock = readFileSync(join(options.home, 'runs', id, '.lock'), 'utf8');
    const owner = JSON.parse(lock) as ProcessOwner;
    // A process that was killed leaves its lock, and its number may be another one's by now.
    return hasEnded(owner) ? [] : [owner.process, ...descendantsOf(owner.process)];
  } catch {
    return [];
  }
}

/** As a caller does whose service goes away: the same call once more. */
export async function again<T>(call: () => Promise<T>): Promise<T> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await call();
    } catch (thrown) {
      const { reason } = thrown as { reason?: string };
      if ((reason !== 'unreachable' && reason !== 'unavailable') || attempt > 600) throw thrown;
      await sleep(500);
    }
  }
}

export type { RunsService };
export { startService };
