/** Folders, preference files and configurations for tests of runs. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { loadConfig, type LoadedConfig, type RunConfigInput } from '../../src/config/index.js';
import { openLogpCache, type LogpCache } from '../../src/references/index.js';
import { beginRun, type Run, type RunEvent, type RunResult, type StartOptions } from '../../src/runs/index.js';
import type { Backend } from '../../src/backend/backend.js';
import { createMemoryBackend } from '../../src/backend/memory.js';
import { eachSide } from '../../src/core/sides.js';

/** A folder that is gone when the test is over. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'mrpo-runs-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export interface PairRow {
  readonly prompt: readonly { readonly role: string; readonly content: string }[];
  readonly chosen: readonly { readonly role: string; readonly content: string }[];
  readonly rejected: readonly { readonly role: string; readonly content: string }[];
}

/** Rows in TRL's conversational form; the chosen answer is the shorter one. */
export function pairRows(count: number): PairRow[] {
  return Array.from({ length: count }, (_, i) => ({
    prompt: [{ role: 'user', content: `What is ${i} plus two?` }],
    chosen: [{ role: 'assistant', content: `It is ${i + 2}.` }],
    rejected: [{ role: 'assistant', content: `No idea, perhaps ${i}, ask again${' later'.repeat(i % 3)}.` }],
  }));
}

export function writePairs(folder: string, rows: readonly unknown[] = pairRows(40)): string {
  const file = join(folder, 'pairs.jsonl');
  writeFileSync(file, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  return file;
}

/** A toy policy, itself as RefM1 and another toy; 40 pairs, 8 of them held out. */
export function toyConfig(folder: string, changes: Partial<RunConfigInput> = {}): LoadedConfig {
  return loadConfig({
    object: {
      policy: { model: 'toy:policy' },
      references: [
        { name: 'self', model: 'policy' },
        { name: 'other', model: 'toy:other' },
      ],
      data: { train: join(folder, 'pairs.jsonl'), eval: 8 },
      training: { learning_rate: 0.02, batch_size: 4, epochs: 1 },
      generate: { samples: 2, max_new_tokens: 8 },
      output: join(folder, 'run'),
      ...changes,
    },
    env: {},
    cwd: folder,
  });
}

/** A cache of log-probs that ends with the test. */
export function temporaryCache(): LogpCache {
  const cache = openLogpCache({ path: ':memory:' });
  onTestFinished(() => cache.close());
  return cache;
}

export interface FinishedRun {
  readonly run: Run;
  readonly events: readonly RunEvent[];
  readonly result: RunResult | undefined;
  readonly error: unknown;
}

/** Starts a run on the in-memory backend unless told otherwise, listens to the end, and gives what came of it. */
export async function runToEnd(
  loaded: LoadedConfig,
  options: StartOptions & { readonly onEvent?: (event: RunEvent, run: Run) => void } = {},
): Promise<FinishedRun> {
  const { onEvent, ...start } = options;
  return follow(beginRun(loaded, { backend: createMemoryBackend(), cache: temporaryCache(), ...start }), onEvent);
}

/** Listens to a run until it ends. */
export async function follow(
  started: Promise<Run>,
  onEvent?: (event: RunEvent, run: Run) => void,
): Promise<FinishedRun> {
  const run = await started;
  const events: RunEvent[] = [];
  for await (const event of run.events) {
    events.push(event);
    onEvent?.(event, run);
  }
  return run.result.then(
    (result) => ({ run, events, result, error: undefined }),
    (error: unknown) => ({ run, events, result: undefined, error }),
  );
}

export const notesOf = (events: readonly RunEvent[]): string[] =>
  events.flatMap((event) => (event.type === 'note' ? [event.message] : []));

/** A backend whose log-probs are off by up to `shift` nats. */
export function offBy(shift: number): Backend {
  const backend = createMemoryBackend();
  return {
    ...backend,
    async *score(rowSet, options) {
      for await (const chunk of backend.score(rowSet, options)) {
        const off = (logps: Float64Array): Float64Array =>
          logps.map((logp, i) => logp - shift * Math.sin(i + logp) ** 2);
        yield { ...chunk, logps: eachSide((side) => off(chunk.logps[side])) };
      }
    },
  };
}
