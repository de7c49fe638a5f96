/** A small matrix on the in-memory backend. */
import { join } from 'node:path';
import { createMemoryBackend } from '../../src/backend/memory.js';
import { openExperiment, runExperiment, type Experiment } from '../../src/experiments/experiment.js';
import { checkMatrix, type Matrix, type MatrixInput } from '../../src/experiments/matrix.js';
import type { CellEvent, CellsSummary } from '../../src/experiments/run-cells.js';
import type { LogpCache } from '../../src/references/index.js';

export const toyMatrix = (folder: string, changes: Partial<MatrixInput> = {}): Matrix =>
  checkMatrix({
    name: 'toy',
    title: 'Two references or one',
    base: {
      policy: { model: 'toy:policy' },
      data: { train: join(folder, 'pairs.jsonl'), eval: 8 },
      training: { learning_rate: 0.02, batch_size: 4, epochs: 1 },
      generate: { samples: 0 },
    },
    axes: {
      method: {
        DPO: { objective: { loss: 'dpo' }, references: [{ name: 'self', model: 'policy' }] },
        MRPO: {
          objective: { loss: 'mrpo' },
          references: [
            { name: 'self', model: 'policy' },
            { name: 'other', model: 'toy:other' },
          ],
        },
      },
      seed: [0, 1],
    },
    compare: { axis: 'method', baseline: 'DPO' },
    tables: [{ name: 'toy', title: 'Accuracy', rows: 'method', measure: 'rewards/accuracies', percent: true }],
    figures: [{ title: 'Curves', kind: 'curves', lines: 'method', measure: 'rewards/accuracies', percent: true }],
    ...changes,
  });

export interface ToyRun {
  readonly experiment: Experiment;
  readonly summary: CellsSummary;
  readonly events: readonly CellEvent[];
}

export async function runToy(
  matrices: readonly Matrix[],
  out: string,
  cache: LogpCache,
  options: {
    readonly jobs?: number;
    readonly signal?: AbortSignal;
    readonly onEvent?: (event: CellEvent) => void;
  } = {},
): Promise<ToyRun> {
  const openBackend = (): Promise<ReturnType<typeof createMemoryBackend>> => Promise.resolve(createMemoryBackend());
  const experiment = await openExperiment(matrices, { out, cache, openBackend });
  const events: CellEvent[] = [];
  const summary = await runExperiment(experiment, {
    cache,
    openBackend,
    ...options,
    onEvent: (event) => {
      events.push(event);
      options.onEvent?.(event);
    },
  });
  return { experiment, summary, events };
}
