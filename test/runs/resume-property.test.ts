/**
 * Whatever decides the rest of a run is in its folder. Runs of many kinds are copied at random moments, as SIGKILL would
 * leave them, and gone on with: the result is that of the run itself. Copies of copies too.
 */
import fc from 'fast-check';
import { cpSync, existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { Backend, CheckpointPiece, Trainer } from '../../src/backend/backend.js';
import { createMemoryBackend } from '../../src/backend/memory.js';
import { loadConfig, type RunConfigInput } from '../../src/config/index.js';
import { toMrpoError } from '../../src/core/errors.js';
import { openLogpCache, type LogpCache } from '../../src/references/index.js';
import { readRun, continueRun, RUN_FILES } from '../../src/runs/index.js';
import { follow, notesOf, runToEnd, temporaryFolder, toyConfig, writePairs, type FinishedRun } from './support.js';

const OBJECTIVES = [
  { loss: 'dpo' },
  { loss: 'multi-dpo' },
  { loss: 'mrpo', weights: 'arwc' },
  { loss: 'mrpo', weights: 'vdw' },
  { loss: 'mrpo', weights: 'vaw' },
  { loss: 'mrpo', weights: { method: 'swcw', window: 3 } },
  { loss: 'mrpo', weights: 'swcw-one-hot' },
  { loss: 'mrpo', weights: 'tsw' },
  { loss: 'forward-kl', weights: 'tsw' },
  { loss: 'hypo' },
  { loss: 'alpha-dpo' },
  { loss: 'simpo' },
] as const satisfies readonly RunConfigInput['objective'][];

const trainings = fc.record(
  {
    learning_rate: fc.constantFrom(0.02, 0.3),
    lr_scheduler_type: fc.constantFrom('cosine', 'linear', 'constant'),
    batch_size: fc.constantFrom(3, 4, 7),
    epochs: fc.constantFrom(0.7, 1, 2.3),
    logging_steps: fc.constantFrom(1, 2, 5),
    eval_steps: fc.constantFrom(undefined, 1, 3, 4),
    save_steps: fc.constantFrom(1, 2, 5, '0.001s', '0.01s'),
    save_total_limit: fc.constantFrom(1, 2),
    early_stopping_patience: fc.constantFrom(undefined, 1, 2),
    load_best_model_at_end: fc.boolean(),
    metric_for_best_model: fc.constantFrom('loss', 'accuracies/per_token'),
    optim: fc.constant('adamw'),
    micro_batch_tokens: fc.constantFrom(undefined, 60),
  },
  { requiredKeys: ['learning_rate', 'batch_size', 'epochs'] },
);

const share = fc.integer({ min: 0, max: 999 }).map((thousandths) => thousandths / 1000);

const cases = fc.record({
  objective: fc.constantFrom(...OBJECTIVES),
  lora: fc.constantFrom('off' as const, { r: 4, dropout: 0.2 }, { r: 4, dropout: 0 }),
  training: trainings,
  /** When copies are made, as shares of the backend calls of a run. */
  moments: fc.noBias(fc.tuple(share, share, share)),
});

it('goes on from any moment with the result that it would have had', async () => {
  let copies = 0;
  await fc.assert(
    fc.asyncProperty(cases, async ({ objective, lora, training, moments }) => {
      const folder = temporaryFolder();
      writePairs(folder);
      const loaded = toyConfig(folder, {
        policy: { model: 'toy:policy', lora },
        objective,
        training,
      });
      const output = join(folder, 'run');
      const cache = openLogpCache({ path: ':memory:' });
      try {
        const counting = watched(() => undefined);
        expect(problemOf(await runToEnd(loaded, { backend: counting.backend, cache }))).toBeUndefined();
        const expected = resultOf(output);
        rmSync(output, { recursive: true });

        const run = await copiedRun(output, moments, counting.calls(), async (backend) =>
          runToEnd(loaded, { backend, cache }),
        );
        expect(resultOf(output)).toEqual(expected);
        for (const copy of run) {
          const further = await copiedRun(copy, moments.slice(0, 1), counting.calls(), (backend) =>
            goOn(copy, backend, cache),
          );
          expect(resultOf(copy)).toEqual(expected);
          for (const second of further) {
            expect(problemOf(await goOn(second, createMemoryBackend(), cache))).toBeUndefined();
            expect(resultOf(second)).toEqual(expected);
          }
          copies += 1 + further.length;
        }
      } finally {
        cache.close();
      }
    }),
    { numRuns: 8, seed: 14, endOnFailure: true },
  );
  expect(copies).toBeGreaterThan(15);
}, 300_000); // ms, for a busy machine

/** Runs to the end and copies the folder before some of the backend's calls. @returns the copies. */
async function copiedRun(
  folder: string,
  moments: readonly number[],
  calls: number,
  work: (backend: Backend) => Promise<FinishedRun>,
): Promise<readonly string[]> {
  const wanted = new Set(moments.map((moment) => 1 + Math.floor(moment * calls)));
  const copies: string[] = [];
  const { backend } = watched((call) => {
    if (!wanted.has(call) || !existsSync(join(folder, RUN_FILES.record))) return;
    const copy = `${folder}-${call}`;
    cpSync(folder, copy, { recursive: true });
    rmSync(join(copy, '.lock'), { force: true }); // of this process, which lives
    copies.push(copy);
  });
  expect(problemOf(await work(backend))).toBeUndefined();
  return copies;
}

async function goOn(run: string, backend: Backend, cache: LogpCache): Promise<FinishedRun> {
  const { record } = await readRun(run);
  expect(record.status).toBe('running');
  const loaded = loadConfig({ file: join(run, RUN_FILES.config), env: {}, cwd: run });
  return follow(continueRun(run, loaded, { backend, cache }));
}

/** What a run failed with, with all that it said. */
const problemOf = ({ error, events }: FinishedRun): string | undefined =>
  error === undefined ? undefined : `${toMrpoError(error).message}\n${notesOf(events).join('\n')}`;

/** A backend that tells of each call before it is made. */
function watched(onCall: (call: number) => void): { readonly backend: Backend; readonly calls: () => number } {
  let calls = 0;
  const tell = (): void => onCall((calls += 1));
  const inner = createMemoryBackend();
  const backend: Backend = {
    ...inner,
    async exportModel(...given) {
      tell();
      const written = await inner.exportModel(...given);
      tell();
      return written;
    },
    score: (...given) => (tell(), inner.score(...given)),
    generate: (...given) => (tell(), inner.generate(...given)),
    async createTrainer(...given) {
      const trainer: Trainer = await inner.createTrainer(...given);
      return {
        ...trainer,
        forward: (request) => (tell(), trainer.forward(request)),
        backward: (...call) => (tell(), trainer.backward(...call)),
        commit: (request) => (tell(), trainer.commit(request)),
        loadCheckpoint: (pieces) => (tell(), trainer.loadCheckpoint(pieces)),
        async saveCheckpoint(step) {
          const { bytes, pieces } = await trainer.saveCheckpoint(step);
          return { bytes, pieces: told(pieces, tell) };
        },
      };
    },
  };
  return { backend, calls: () => calls };
}

async function* told(pieces: AsyncIterable<CheckpointPiece>, tell: () => void): AsyncGenerator<CheckpointPiece> {
  for await (const piece of pieces) {
    tell();
    yield piece;
    tell();
  }
}

/** Everything of a run folder that must not depend on how often it was interrupted. */
function resultOf(run: string): Record<string, unknown> {
  const lines = (file: string): unknown[] =>
    readFileSync(join(run, file), 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line, (key, value: unknown) => (/second/.test(key) ? 0 : value)) as unknown);
  const files = ['adapter/toy-adapter.json', 'model/toy-model.json'].filter((file) => existsSync(join(run, file)));
  return {
    trained: files.map((file) => readFileSync(join(run, file), 'utf8')),
    metrics: lines('metrics.jsonl'),
    heldOut: lines('held-out.jsonl'),
    samples: lines('samples.jsonl'),
  };
}
