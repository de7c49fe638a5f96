/** Tasks of the cells of a matrix: evaluated once per model, kept, shown; left out where the harness is missing. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { Backend } from '../../src/backend/backend.js';
import { createMemoryBackend } from '../../src/backend/memory.js';
import { openExperiment, renderExperiment, runExperiment } from '../../src/experiments/experiment.js';
import { temporaryCache, temporaryFolder, writePairs } from '../runs/support.js';
import { toyMatrix } from './support.js';

/** The harness itself is under test in py_backend/tests/test_evaluation.py; here it only counts. */
function countingBackend(evaluated: string[]): Backend {
  const backend = createMemoryBackend();
  return {
    ...backend,
    info: async (call) => ({ ...(await backend.info(call)), capabilities: ['train', 'evaluate'] }),
    evaluateTasks: async (handle, tasks) => {
      evaluated.push(handle);
      const metrics = [{ name: 'acc', filter: 'none', value: evaluated.length / 10, standardError: NaN }];
      const common = { version: '1.0', fewshot: 0, documents: 1, content: 'x', parts: [], metrics };
      return {
        scores: tasks.map(({ name }) => ({ task: name, source: name, ...common })),
        settings: { lm_eval: '0' },
        documents: tasks.map(({ name }) => ({ task: name, json: ['{"doc_id":0}'] })),
      };
    },
  };
}

const matrixIn = (folder: string) =>
  toyMatrix(folder, {
    axes: { ...toyMatrix(folder).axes, seed: [0] },
    tasks: [{ name: 'mine', title: 'Mine', tasks: [{ name: 'mine' }], of: [['mine', 'acc', 'none']] }],
    tables: [{ name: 'tasks', title: 'Tasks', rows: ['method'], measures: [{ measure: 'task/mine', title: 'Mine' }], percent: true }],
  }); // prettier-ignore

it('a start that cells share is evaluated once, each trained model once, and nothing again', async () => {
  const [folder, cache] = [temporaryFolder(), temporaryCache()];
  writePairs(folder);
  const evaluated: string[] = [];
  const openBackend = (): Promise<Backend> => Promise.resolve(countingBackend(evaluated));
  const open = () => openExperiment([matrixIn(folder)], { out: join(folder, 'out'), cache, openBackend });
  expect(await runExperiment(await open(), { cache, openBackend })).toMatchObject({ finished: 2, failed: [] });
  expect(evaluated).toHaveLength(3); // the start, and two trained models
  const experiment = await open();
  expect(await runExperiment(experiment, { cache, openBackend })).toMatchObject({ finished: 0, kept: 2 });
  expect(evaluated).toHaveLength(3);
  const { results } = await renderExperiment(experiment, { title: 'T', claim: 'C' });
  const values = results[0]!.cells.map(({ outcome: { before, after } }) => [before['task/mine'], after['task/mine']]);
  expect(values).toEqual([[0.1, 0.2], [0.1, 0.3]]); // prettier-ignore
  expect(readdirSync(join(folder, 'out', 'tasks'))).toHaveLength(6);
});

it('a backend without the harness trains, says that tasks are left out, and the same call again runs nothing', async () => {
  const [folder, cache] = [temporaryFolder(), temporaryCache()];
  writePairs(folder);
  const events: string[] = [];
  const openBackend = (): Promise<Backend> => Promise.resolve(createMemoryBackend());
  const run = async () => {
    const experiment = await openExperiment([matrixIn(folder)], { out: join(folder, 'out'), cache, openBackend });
    const summary = await runExperiment(experiment, { cache, openBackend, onEvent: ({ type }) => events.push(type) });
    return { summary, ...(await renderExperiment(experiment, { title: 'T', claim: 'C' })) };
  };
  expect((await run()).summary).toMatchObject({ finished: 2, failed: [] });
  expect(events.filter((type) => type === 'not evaluated')).toHaveLength(2);
  const { summary, results } = await run();
  expect(summary).toMatchObject({ finished: 0, kept: 2, failed: [] });
  expect(results[0]!.cells).toHaveLength(2);
  expect(results[0]!.missing.map(({ reason }) => reason)[0]).toContain('requirements-eval.txt');
});
