/** A session is what a run does, step by step. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createMemoryBackend, prepareTraining, readRun, startRun } from 'mrpo';
import { describe, expect, it } from 'vitest';
import { runToEnd, temporaryCache, temporaryFolder, toyConfig, writePairs } from '../runs/support.js';

describe('prepareTraining', () => {
  it('steps and evaluates to the numbers of a run of the same configuration', async () => {
    const folder = temporaryFolder();
    writePairs(folder);
    const config = toyConfig(folder);
    const run = await startRun(config, { backend: createMemoryBackend(), cache: temporaryCache() });
    await run.result;
    const { metrics, record } = await readRun(run.folder);
    const trained = metrics.filter((line) => 'loss' in line);

    await using session = await prepareTraining(config, { backend: createMemoryBackend(), cache: temporaryCache() });
    expect((await session.evaluate()).measures).toEqual(record.evaluation?.before);
    expect(session.totalSteps).toBe(trained.length);
    for (const line of trained) {
      const { step, measures, gradNorm, learningRate } = await session.step();
      const expected = { step: line['step'], grad_norm: line['grad_norm'], learning_rate: line['learning_rate'] };
      expect({ step, grad_norm: gradNorm, learning_rate: learningRate }).toEqual(expected);
      expect(measures.loss).toBe(line['loss']);
    }
    expect((await session.evaluate()).measures).toEqual(record.evaluation?.after);
    await expect(session.step()).rejects.toMatchObject({ code: 'usage' });
    const saved = join(folder, 'adapter');
    await session.save(saved);
    expect(existsSync(saved)).toBe(true);
  });

  it('saves the whole model after full fine-tuning, which is that of a run', async () => {
    const folder = temporaryFolder();
    writePairs(folder);
    const config = toyConfig(folder, { policy: { model: 'toy:policy', lora: 'off' } });
    const { run } = await runToEnd(config);
    await using session = await prepareTraining(config, { backend: createMemoryBackend(), cache: temporaryCache() });
    for (let step = 0; step < session.totalSteps; step++) await session.step();
    const saved = join(folder, 'saved');
    await session.save(saved);
    const model = (path: string): string => readFileSync(join(path, 'toy-model.json'), 'utf8');
    expect(model(saved)).toBe(model(join(run.folder, 'model')));
  });

  it('takes a schedule as a function, and frees the policy when it is left', async () => {
    const folder = temporaryFolder();
    writePairs(folder);
    const backend = createMemoryBackend();
    const unloaded: string[] = [];
    const watched = {
      ...backend,
      unloadModel: (handle: string) => (unloaded.push(handle), backend.unloadModel(handle)),
    };
    const before = unloaded.length;
    {
      await using session = await prepareTraining(toyConfig(folder), {
        backend: watched,
        cache: temporaryCache(),
        learningRate: (step, total) => step / total,
      });
      expect((await session.step()).learningRate).toBe(1 / session.totalSteps);
      unloaded.length = before;
    }
    expect(unloaded).toHaveLength(1);
  });
});
