/** Ctrl-C at a terminal: a real process of the command line, on the real backend. */
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it, onTestFinished, vi } from 'vitest';
import { stringify } from 'yaml';
import { readRun } from '../../src/runs/index.js';
import { testPython, tinyModel } from '../support/tiny-models.js';
import { temporaryFolder, writePairs } from './support.js';

vi.setConfig({ testTimeout: 180_000 }); // ms; the process starts Python and loads two models

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '../..');

interface Cli {
  readonly process: ChildProcess;
  readonly output: () => string;
  readonly ended: Promise<number | null>;
  /** Resolves when the process has written this. */
  says(text: string): Promise<void>;
}

/** A run that would take minutes. */
function startTraining(folder: string): Cli {
  writePairs(folder);
  writeFileSync(
    join(folder, 'run.yaml'),
    stringify({
      policy: { model: tinyModel('llama'), lora: { r: 2 } },
      data: { train: 'pairs.jsonl', eval: 4, max_length: 128 },
      training: { learning_rate: 1e-3, batch_size: 1, epochs: 500 },
      generate: { samples: 0 },
      output: 'run',
    }),
  );
  const child = spawn(process.execPath, [join(ROOT, 'bin/mrpo.js'), 'train', 'run.yaml', '--json'], {
    cwd: folder,
    env: { ...process.env, MRPO_PYTHON: testPython(), MRPO_CACHE_DIR: join(folder, 'cache'), OMP_NUM_THREADS: '1' },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true, // a process group of its own, as a shell makes one
  });
  let output = '';
  const waiting = new Set<() => void>();
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      output += chunk.toString('utf8');
      for (const check of waiting) check();
    });
  }
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  onTestFinished(() => void child.kill('SIGKILL'));
  return {
    process: child,
    output: () => output,
    ended,
    says: (text) =>
      new Promise((resolve, reject) => {
        const check = (): void => {
          if (!output.includes(text)) return;
          waiting.delete(check);
          resolve();
        };
        waiting.add(check);
        check();
        void ended.then(() => reject(new Error(`ended without saying "${text}":\n${output}`)));
      }),
  };
}

it('stops at a step boundary at the first Ctrl-C and leaves a usable adapter', async () => {
  const folder = temporaryFolder();
  const cli = startTraining(folder);
  await cli.says('step  1/');
  cli.process.kill('SIGINT');
  expect(await cli.ended, cli.output()).toBe(130);
  const { record, metrics } = await readRun(join(folder, 'run'));
  expect(record.status).toBe('cancelled');
  expect(record.training?.steps).toBeGreaterThanOrEqual(1);
  expect(metrics.filter((line) => 'loss' in line)).toHaveLength(record.training?.steps ?? -1);
  expect(existsSync(join(folder, 'run/adapter/adapter_model.safetensors'))).toBe(true);
  expect(cli.output()).toContain('"status":"cancelled"');
});

it('stops in the same way when a batch system ends the whole process group, or the terminal is closed', async () => {
  const folder = temporaryFolder();
  const { process: child, says, ended, output } = startTraining(folder);
  await says('step  1/');
  for (const signal of ['SIGHUP', 'SIGTERM', 'SIGQUIT', 'SIGTERM'] as const) process.kill(-(child.pid ?? 0), signal);
  expect(await ended, output()).toBe(130);
  expect((await readRun(join(folder, 'run'))).record).toMatchObject({ status: 'cancelled', stage: 'export' });
  expect(existsSync(join(folder, 'run/adapter/adapter_model.safetensors'))).toBe(true);
});

it('stops at once at the second, and the run says so', async () => {
  const folder = temporaryFolder();
  const cli = startTraining(folder);
  await cli.says('loading the policy');
  expect((await readRun(join(folder, 'run'))).record.status).toBe('running');
  cli.process.kill('SIGINT');
  await cli.says('press Ctrl-C again to stop at once');
  cli.process.kill('SIGINT');
  expect(await cli.ended, cli.output()).toBe(130);
  const { record } = await readRun(join(folder, 'run'));
  expect(record.status).toBe('cancelled');
});
