/** A session is what a run does, step by step. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createMemoryBackend, prepareTraining, readRun, startRun } from 'mrpo';
import { describe, expect, it, onTestFinished } from 'vitest';
import { runToEnd, temporaryCache, temporaryFolder, toyConfig, writePairs } from '../runs/support.js';

const toy = () => ({ backend: createMemoryBackend(), cache: temporaryCache() });

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

  it('goes on from its checkpoint where a killed program left it, to the same bytes', async () => {
    const [folder, other] = [temporaryFolder(), temporaryFolder()];
    for (const path of [folder, other]) writePairs(path);
    const changes = { objective: { weights: 'swcw' } } as const;
    await using quiet = await prepareTraining(toyConfig(other, changes), toy());
    while (quiet.stepsDone < quiet.totalSteps) await quiet.step();
    await quiet.save(join(other, 'adapter'));

    const program = join(import.meta.dirname, 'session-program.ts');
    const checkpoints = join(folder, 'session');
    const given = [JSON.stringify(toyConfig(folder, changes).config), checkpoints];
    const child = spawn(process.execPath, ['--import', 'tsx', program, ...given], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    onTestFinished(() => void child.kill('SIGKILL'));
    await once(child.stdout, 'data'); // it has saved, and goes on
    child.kill('SIGKILL');
    await once(child, 'exit');

    const another = prepareTraining(
      toyConfig(folder, { ...changes, training: { learning_rate: 0.03, batch_size: 4 } }),
      {
        ...toy(),
        checkpoints,
      },
    );
    await expect(another).rejects.toThrow('training.learning_rate: the checkpoint has 0.02, now 0.03');
    await using session = await prepareTraining(toyConfig(folder, changes), { ...toy(), checkpoints });
    expect(session.stepsDone).toBe(3);
    const busy = prepareTraining(toyConfig(folder, changes), { ...toy(), checkpoints });
    await expect(busy).rejects.toMatchObject({ code: 'usage' });
    while (session.stepsDone < session.totalSteps) await session.step();
    await session.save(join(folder, 'adapter'));
    const adapter = (path: string): string => readFileSync(join(path, 'adapter/toy-adapter.json'), 'utf8');
    expect(adapter(folder)).toBe(adapter(other));
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
