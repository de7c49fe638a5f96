/** An export that cannot succeed ends a run before its first step; one that fails at the end costs no weights. */
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { launchBackend } from '../../src/backend/launch.js';
import type { Backend } from '../../src/backend/backend.js';
import { loadConfig, type LoadedConfig } from '../../src/config/index.js';
import { exportRun, readRun, type Run, type RunEvent } from '../../src/runs/index.js';
import { testPython, tinyModel } from '../support/tiny-models.js';
import { pairRows, runToEnd, temporaryFolder, writePairs, type FinishedRun } from './support.js';

vi.setConfig({ testTimeout: 180_000 }); // ms; seconds when the machine is idle

let backend: Backend;
beforeAll(async () => {
  tinyModel('llama');
  backend = await launchBackend({ python: testPython(), threads: 1 });
});
afterAll(() => backend.close());

function tinyRun(model = tinyModel('llama')): LoadedConfig {
  const folder = temporaryFolder();
  writePairs(folder, pairRows(6));
  return loadConfig({
    object: {
      policy: { model, lora: { r: 2, alpha: 4, target_modules: ['q_proj'] } },
      references: [{ name: 'self', model: 'policy' }],
      data: { train: join(folder, 'pairs.jsonl'), eval: 2, max_length: 128 },
      training: { learning_rate: 2e-3, batch_size: 2, epochs: 1 },
      generate: { samples: 0 },
      output: join(folder, 'run'),
    },
    env: {},
    cwd: folder,
  });
}

/** A run in which somebody puts a folder where the adapter is to be, at the first event that `when` is true of. */
function obstructed(when: (event: RunEvent) => boolean, model?: string): Promise<FinishedRun> {
  let done = false;
  const onEvent = (event: RunEvent, run: Run): void => {
    if (done || !when(event)) return;
    done = true;
    const place = join(run.folder, 'adapter');
    mkdirSync(place);
    writeFileSync(join(place, 'note.txt'), 'precious');
  };
  return runToEnd(tinyRun(model), { backend, onEvent });
}

describe('an export that is refused', () => {
  it('ends the run before its first step when that can be known', async () => {
    const { run, error } = await obstructed(() => true);
    expect(String(error)).toMatch(/export to .*adapter: it exists and is not an empty folder/);
    const { record, metrics } = await readRun(run.folder);
    expect(metrics.filter((line) => 'loss' in line)).toEqual([]);
    expect(record.keptWeights).toBeUndefined();
  });

  it('keeps the trained weights, and mrpo export makes of them what the run would have written', async () => {
    const model = join(temporaryFolder(), 'model');
    cpSync(tinyModel('llama'), model, { recursive: true });
    const { run, error } = await obstructed((event) => event.type === 'step', model);
    const kept = join(run.folder, 'weights');
    expect(String(error)).toContain(`The trained weights are kept in ${kept}`);
    expect((await readRun(run.folder)).record.keptWeights).toBe(kept);
    const to = join(run.folder, '..', 'exported');
    expect(readFileSync(join(run.folder, 'adapter', 'note.txt'), 'utf8')).toBe('precious');

    rmSync(join(run.folder, 'adapter'), { recursive: true });
    const config = readFileSync(join(model, 'config.json'), 'utf8');
    writeFileSync(join(model, 'config.json'), JSON.stringify({ ...JSON.parse(config), rms_norm_eps: 0.1 }));
    await expect(exportRun({ run: run.folder, to, backend })).rejects.toThrow('has other weights now');
    writeFileSync(join(model, 'config.json'), config);
    await exportRun({ run: run.folder, to, backend });
    const undisturbed = await runToEnd(tinyRun(), { backend });
    expect(undisturbed.error).toBeUndefined();
    const weights = (folder: string): string =>
      readFileSync(join(folder, 'adapter_model.safetensors')).toString('base64');
    expect(weights(to)).toBe(weights(join(undisturbed.run.folder, 'adapter')));
  });
});
