/** Runs that report to trackers, read back with the trackers' own libraries; and trackers that fail in every way. */
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Backend } from '../../src/backend/backend.js';
import { BackendFault } from '../../src/backend/fault.js';
import { createMemoryBackend } from '../../src/backend/memory.js';
import { resolvePython } from '../../src/backend/python.js';
import { loadConfig, type LoadedConfig, type TrackerName } from '../../src/config/index.js';
import { continueRun, readRun, RUN_FILES } from '../../src/runs/index.js';
import { startTrackers } from '../../src/trackers/trackers.js';
import { follow, notesOf, runToEnd, temporaryCache, temporaryFolder, toyConfig, writePairs } from '../runs/support.js';

const PYTHON = resolvePython();

/** Whether the environment has a tracker's library; tests that need one it has not are skipped by name. */
const has = (library: string): boolean => spawnSync(PYTHON, ['-I', '-c', `import ${library}`]).status === 0;

const toy = (folder: string): LoadedConfig =>
  toyConfig(folder, { training: { learning_rate: 0.02, batch_size: 4, epochs: 2, save_steps: 3, eval_steps: 4 } });

function reportingTo(folder: string, ...report_to: TrackerName[]): LoadedConfig {
  writePairs(folder);
  const loaded = toy(folder);
  return { ...loaded, config: { ...loaded.config, output: { folder: join(folder, 'run'), report_to } } };
}

/** Fails for good at a step: what was logged behind its last checkpoint is done again later. */
function diesAtCommit(step: number): Backend {
  const inner = createMemoryBackend();
  return {
    ...inner,
    async createTrainer(...given) {
      const trainer = await inner.createTrainer(...given);
      const commit: typeof trainer.commit = async (request) => {
        if (request.step === step) throw new BackendFault('died', 'the backend has died');
        return trainer.commit(request);
      };
      return { ...trainer, commit };
    },
  };
}

interface Kept {
  readonly scalars: Readonly<Record<string, readonly (readonly [number, number])[]>>;
  readonly [more: string]: unknown;
}

const open = (env: NodeJS.ProcessEnv, ...argv: readonly string[]): Kept =>
  JSON.parse(
    execFileSync(PYTHON, [join(import.meta.dirname, 'read_trackers.py'), ...argv], { env, encoding: 'utf8' }),
  ) as Kept;

/** A run that dies at step 11 and goes on from step 9, with the trackers of a folder of their own. */
async function interruptedRun(name: TrackerName) {
  const folder = temporaryFolder();
  const env = {
    ...process.env,
    MLFLOW_TRACKING_URI: `sqlite:///${join(folder, 'mlflow.db')}`,
    WANDB_MODE: 'offline',
    TRACKIO_DIR: join(folder, 'trackio'),
  };
  const loaded = reportingTo(folder, name);
  const { error } = await runToEnd(loaded, { backend: diesAtCommit(11), env });
  expect((error as Error).message).toContain('died');
  const run = join(folder, 'run');
  const own = loadConfig({ file: join(run, RUN_FILES.config), env: {}, cwd: run });
  const again = await follow(continueRun(run, own, { backend: createMemoryBackend(), cache: temporaryCache(), env }));
  expect(again.error).toBeUndefined();
  const { metrics, record } = await readRun(run);
  expect(record.attempts.at(-1)).toMatchObject({ fromStep: 9, lostSteps: 1 });
  return { run, env, metrics, record, notes: notesOf(again.events) };
}

/** Every measure of metrics.jsonl, by the name that `rename` gives it. */
function expected(
  metrics: readonly Readonly<Record<string, unknown>>[],
  rename: (name: string) => string,
): Record<string, [number, number][]> {
  const scalars: Record<string, [number, number][]> = {};
  for (const line of metrics) {
    for (const [name, value] of Object.entries(line)) {
      if (name === 'step' || typeof value !== 'number') continue;
      (scalars[rename(name)] ??= []).push([line['step'] as number, value]);
    }
  }
  return scalars;
}

const grouped = (name: string): string =>
  name.startsWith('eval_') ? `eval/${name.slice('eval_'.length)}` : `train/${name}`;

/** Of a step that was done again, a tracker that can only append keeps the times of the first attempt. */
const TIMES = ['step_seconds', 'device_seconds', 'pairs_per_second', 'tokens_per_second'];

function withoutTimes<T>(scalars: Readonly<Record<string, T>>): Record<string, T> {
  return Object.fromEntries(Object.entries(scalars).filter(([name]) => !TIMES.some((time) => name.endsWith(time))));
}

// Libraries load for seconds, and MLflow makes its database.
describe('a run that dies, goes on, and reports', { timeout: 240_000 }, () => {
  it.skipIf(!has('tensorboard'))('to tensorboard has every step once, under the names of transformers', async () => {
    const { run, env, metrics, record, notes } = await interruptedRun('tensorboard');
    const kept = open(env, 'tensorboard', join(run, 'tensorboard'));
    expect(kept).toMatchObject({ files: 1, text: ['configuration/text_summary'] });
    const float32 = expected(metrics, grouped);
    for (const points of Object.values(float32)) for (const point of points) point[1] = Math.fround(point[1]);
    expect(kept.scalars).toEqual(float32);
    expect(Object.keys(kept.scalars)).toEqual(expect.arrayContaining(['train/rewards/chosen', 'eval/rewards/margins']));
    expect(record.trackers).toEqual([{ name: 'tensorboard', where: join(run, 'tensorboard') }]);
    expect(notes).toContain(`tracker tensorboard: ${join(run, 'tensorboard')}`);
    expect(readFileSync(join(run, 'report.html'), 'utf8')).toContain(`tensorboard: ${join(run, 'tensorboard')}`);
  });

  it.skipIf(!has('mlflow'))("to mlflow is one run there, with TRL's names and no step twice", async () => {
    const { env, metrics, record } = await interruptedRun('mlflow');
    const id = /^run (\w+) at sqlite:/.exec(record.trackers?.[0]?.where ?? '')?.[1] ?? '';
    const kept = open(env, 'mlflow', id);
    expect(kept).toMatchObject({ runs: 1, status: 'FINISHED', params: { 'training.save_steps': '3' } });
    expect(withoutTimes(kept.scalars)).toEqual(withoutTimes(expected(metrics, (name) => name)));
    expect(kept.scalars['step_seconds']).toHaveLength(16);
  });

  it.skipIf(!has('wandb'))('to wandb offline has every step once in its two logs, under one id', async () => {
    const { run, env, metrics, record } = await interruptedRun('wandb');
    const kept = open(env, 'wandb', run);
    expect(kept['ids']).toEqual([record.id]);
    const own = Object.fromEntries(Object.entries(kept.scalars).filter(([name]) => /^(train|eval)\//.test(name)));
    delete own['train/global_step'];
    expect(withoutTimes(own)).toEqual(withoutTimes(expected(metrics, grouped)));
  });

  it.skipIf(!has('trackio'))('to trackio has every step once', async () => {
    const { env, metrics, record } = await interruptedRun('trackio');
    const [, name = ''] = /^run (.+) of project mrpo$/.exec(record.trackers?.[0]?.where ?? '') ?? [];
    const kept = open(env, 'trackio', 'mrpo', name);
    expect(withoutTimes(kept.scalars)).toEqual(withoutTimes(expected(metrics, grouped)));
  });
});

describe('a tracker that fails', () => {
  it('is told in events, record and report, and the run succeeds', async () => {
    const folder = temporaryFolder();
    // Trackers run under this Python: one that says nothing useful and ends.
    const python = join(folder, 'python');
    writeFileSync(python, '#!/bin/sh\necho "no such library here" >&2\nexit 3\n');
    chmodSync(python, 0o755);
    const { result, events } = await runToEnd(reportingTo(folder, 'mlflow', 'tensorboard'), {
      env: { ...process.env, MRPO_PYTHON: python },
    });
    expect(result?.status).toBe('succeeded');
    const problem = 'its process ended (code 3): no such library here';
    expect(notesOf(events)).toContain(`tracker mlflow: ${problem}; the run goes on without it`);
    expect(result?.run.record.trackers).toEqual([
      { name: 'mlflow', problem },
      { name: 'tensorboard', problem },
    ]);
    expect(readFileSync(join(folder, 'run/report.html'), 'utf8')).toContain(`mlflow: failed (${problem})`);
  });

  it('says which package is missing', async () => {
    const notes: string[] = [];
    const folder = temporaryFolder();
    const trackers = startTrackers({
      names: ['trackio'],
      run: { id: 'a', name: 'a', folder, config: {} },
      // Whatever is installed, this one is not to be found.
      env: { ...process.env, PYTHONPATH: shadowing(folder) },
      note: (message) => notes.push(message),
    });
    await trackers.end('succeeded');
    expect(notes).toEqual([
      'tracker trackio: RuntimeError: the package trackio is not installed (see requirements-trackers.txt); the run goes on without it',
    ]);
  });

  it('that never answers is left when the run is over, and one that does not read is left on the way', async () => {
    const folder = temporaryFolder();
    const python = join(folder, 'python');
    writeFileSync(python, '#!/bin/sh\nexec sleep 60\n');
    chmodSync(python, 0o755);
    const notes: string[] = [];
    const given = {
      run: { id: 'a', name: 'a', folder, config: {} },
      env: { ...process.env, MRPO_PYTHON: python },
      note: (message: string) => notes.push(message),
    };
    const silent = startTrackers({ ...given, names: ['wandb'], endMs: 50 });
    silent.line({ step: 1, loss: 1 });
    await silent.end('succeeded');
    expect(notes.splice(0)).toEqual([
      'tracker wandb: it did not take the last lines within 0.05 s; the run goes on without it',
    ]);

    const stuffed = startTrackers({ ...given, names: ['wandb'] });
    const long = { step: 1, text: 'x'.repeat(2 ** 20) };
    for (let i = 0; i < 20; i++) stuffed.line(long);
    await stuffed.end('succeeded');
    expect(notes).toEqual(['tracker wandb: it does not keep up with the run; the run goes on without it']);
  });
});

/** A folder with a trackio that is not there when it is looked for. */
function shadowing(folder: string): string {
  writeFileSync(
    join(folder, 'trackio.py'),
    'raise ModuleNotFoundError("No module named \'trackio\'", name="trackio")\n',
  );
  return folder;
}
