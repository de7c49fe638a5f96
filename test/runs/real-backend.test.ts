/** The whole path on real parts: the embedded Python backend and tiny models of three architectures. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { launchBackend } from '../../src/backend/launch.js';
import type { Backend } from '../../src/backend/backend.js';
import { loadConfig, type LoadedConfig, type RunConfigInput } from '../../src/config/index.js';
import { loadData } from '../../src/data/index.js';
import { exportRun, readRun, type StoredRun } from '../../src/runs/index.js';
import { prepareTraining } from '../../src/sdk/prepare-training.js';
import { testPython, tinyModel } from '../support/tiny-models.js';
import { runToEnd, temporaryCache, temporaryFolder, writePairs, type FinishedRun } from './support.js';

const LN2_TOLERANCE = 1e-6;
/** Nats; the two sides sum float32 log-probs in different orders. */
const LOGP_TOLERANCE = 1e-4;

vi.setConfig({ testTimeout: 180_000 }); // ms; each run loads three models, and PEFT starts a Python of its own

let backend: Backend;
beforeAll(async () => {
  for (const name of ['llama', 'mistral'] as const) tinyModel(name);
  backend = await launchBackend({ python: testPython(), threads: 1 });
});
afterAll(async () => {
  // The last test has killed it; whatever else fails here is a fault.
  const failed: unknown = await backend.close().catch((thrown: unknown) => thrown);
  expect(failed).toBeOneOf([undefined, expect.objectContaining({ reason: 'died' })]);
});

function realConfig(folder: string, changes: Partial<RunConfigInput> = {}): LoadedConfig {
  return loadConfig({
    object: {
      policy: { model: tinyModel('llama'), lora: { r: 4, alpha: 8, target_modules: ['q_proj', 'v_proj'] } },
      references: [
        { name: 'self', model: 'policy' },
        { name: 'mistral', model: tinyModel('mistral') },
      ],
      data: { train: join(folder, 'pairs.jsonl'), eval: 8, max_length: 128 },
      training: { learning_rate: 2e-3, batch_size: 8, epochs: 1 },
      generate: { samples: 1, max_new_tokens: 4 },
      output: join(folder, 'run'),
      ...changes,
    },
    env: {},
    cwd: folder,
  });
}

async function realRun(
  changes: Partial<RunConfigInput> = {},
): Promise<FinishedRun & { readonly stored: StoredRun; readonly loaded: LoadedConfig }> {
  const folder = temporaryFolder();
  writePairs(folder);
  const loaded = realConfig(folder, changes);
  const finished = await runToEnd(loaded, { backend });
  expect(finished.error).toBeUndefined();
  return { ...finished, loaded, stored: await readRun(finished.run.folder) };
}

interface PeftJob {
  readonly base: string;
  readonly adapter: string | null;
}

/** Log-probs of a run's held-out pairs by transformers and PEFT alone. */
async function peftLogps({ config }: LoadedConfig, jobs: readonly PeftJob[]): Promise<number[][][]> {
  const { eval: pairs } = await loadData(config.data, { seed: config.training.seed });
  const script = join(dirname(fileURLToPath(import.meta.url)), 'peft_logps.py');
  const input = JSON.stringify(jobs.map((job) => ({ ...job, pairs })));
  return JSON.parse(execFileSync(testPython(), [script], { input, encoding: 'utf8', stdio: 'pipe' })) as number[][][];
}

function expectSameLogps(found: readonly number[][], run: StoredRun): void {
  expect(found).toHaveLength(run.heldOut.length);
  run.heldOut.forEach((line, i) => {
    const [chosen, rejected] = line['after'] as [number, number];
    expect(Math.abs((found[i]?.[0] ?? NaN) - chosen)).toBeLessThan(LOGP_TOLERANCE);
    expect(Math.abs((found[i]?.[1] ?? NaN) - rejected)).toBeLessThan(LOGP_TOLERANCE);
  });
}

describe('what a run leaves', () => {
  it("opens without this project, with the log-probs of the run's last evaluation: adapter, merged model, fully trained model", async () => {
    const adapted = await realRun();
    expect(adapted.stored.record.training?.steps).toBe(4);
    expect(adapted.stored.record.evaluation?.before['margins/refm1']).toBe(0);
    expect(adapted.stored.record.evaluation?.after['margins/refm1']).toBeGreaterThan(0.05);
    const { folder } = adapted.stored;
    const merged = await exportRun({
      run: folder.path,
      to: join(dirname(folder.path), 'merged'),
      merge: true,
      backend,
    });

    const full = await realRun({
      policy: { model: tinyModel('llama'), lora: 'off' },
      training: { learning_rate: 1e-3, batch_size: 8, epochs: 1 },
    });
    expect(full.stored.record.evaluation?.before['margins/refm1']).toBe(0);
    expect(full.stored.record.evaluation?.after['margins/refm1']).toBeGreaterThan(0.05);

    const [adapter = [], mergedModel = [], fullModel = []] = await peftLogps(adapted.loaded, [
      { base: adapted.loaded.config.policy.model, adapter: folder.file('adapter') },
      { base: merged.folder, adapter: null },
      { base: full.stored.folder.file('model'), adapter: null },
    ]);
    expectSameLogps(adapter, adapted.stored);
    expectSameLogps(mergedModel, adapted.stored);
    expectSameLogps(fullModel, full.stored);
  });

  it('is the same adapter for the same configuration and seed, byte for byte, dropout included, also from a session that was left behind a checkpoint and gone on with', async () => {
    const lora = { r: 4, alpha: 8, dropout: 0.1, target_modules: ['q_proj', 'v_proj'] };
    const changes = { policy: { model: tinyModel('llama'), lora } };
    const bytesIn = (path: string): string => readFileSync(join(path, 'adapter_model.safetensors')).toString('base64');
    const adapter = bytesIn((await realRun(changes)).stored.folder.file('adapter'));

    const folder = temporaryFolder();
    writePairs(folder);
    const given = { backend, cache: temporaryCache(), checkpoints: join(folder, 'session') };
    {
      await using left = await prepareTraining(realConfig(folder, changes), given);
      for (let step = 0; step < 2; step++) await left.step();
      await left.saveCheckpoint();
      await left.step();
    }
    await using session = await prepareTraining(realConfig(folder, changes), given);
    expect(session.stepsDone).toBe(2);
    while (session.stepsDone < session.totalSteps) await session.step();
    const saved = join(folder, 'adapter');
    await session.save(saved);
    expect(bytesIn(saved)).toBe(adapter);
  });

  it('has the same dropout masks however many pairs a forward pass holds', async () => {
    const lora = { r: 4, alpha: 8, dropout: 0.3, target_modules: ['q_proj', 'v_proj'] };
    const lossesWith = async (microBatchTokens: number): Promise<unknown[]> => {
      const training = { learning_rate: 2e-3, batch_size: 8, epochs: 1, micro_batch_tokens: microBatchTokens };
      const { stored } = await realRun({ policy: { model: tinyModel('llama'), lora }, training });
      return stored.metrics.flatMap((line) => (typeof line['loss'] === 'number' ? [line['loss']] : []));
    };
    const [one, all] = [await lossesWith(1), await lossesWith(4096)];
    expect(one.length).toBeGreaterThan(2);
    one.forEach((loss, step) => expect(Math.abs(Number(loss) - Number(all[step]))).toBeLessThan(1e-5));
  });
});

describe('DPO', () => {
  it('starts at margin 0 and loss ln 2, in evaluation and in training', async () => {
    const { stored } = await realRun({
      objective: { loss: 'dpo' },
      training: { learning_rate: 1e-3, batch_size: 8, max_steps: 2 },
    });
    const first = stored.metrics.find((line) => line['step'] === 1);
    expect(Math.abs(Number(stored.record.evaluation?.before['loss']) - Math.LN2)).toBeLessThan(LN2_TOLERANCE);
    expect(Math.abs(Number(first?.['loss']) - Math.LN2)).toBeLessThan(LN2_TOLERANCE);
    expect(stored.record.evaluation?.before['rewards/margins']).toBe(0);
  });

  it('starts there with an NF4 base too', async () => {
    const { stored } = await realRun({
      policy: { model: tinyModel('llama'), quantization: 'nf4', lora: { r: 4, target_modules: ['q_proj'] } },
      references: [{ model: 'policy' }],
      objective: { loss: 'dpo' },
      training: { learning_rate: 1e-3, batch_size: 8, max_steps: 1 },
    });
    const first = stored.metrics.find((line) => line['step'] === 1);
    expect(Math.abs(Number(first?.['loss']) - Math.LN2)).toBeLessThan(LN2_TOLERANCE);
  });
});

// The last one: it ends the backend of all the others.
describe('Python killed in the middle', () => {
  it('leaves a failed run that can be read, with what is known of the end', async () => {
    const folder = temporaryFolder();
    writePairs(folder);
    const { processId } = await backend.info();
    const loaded = realConfig(folder, { training: { learning_rate: 1e-3, batch_size: 2, epochs: 30 } });
    const { error, run } = await runToEnd(loaded, {
      backend,
      onEvent: (event) => {
        if (event.type === 'step' && event.step === 2) process.kill(processId, 'SIGKILL');
      },
    });
    expect(error).toMatchObject({ code: 'backend', reason: 'died' });
    const { record, metrics } = await readRun(run.folder);
    expect(record).toMatchObject({ status: 'failed', stage: 'train' });
    expect(record.reason).toMatch(/SIGKILL/);
    expect(metrics.length).toBeGreaterThanOrEqual(3);
    expect(readFileSync(run.folder + '/report.html', 'utf8')).toContain('SIGKILL');
  });
});
