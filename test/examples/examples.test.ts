/** The examples of examples/, run as they are. */
import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createMemoryBackend, readRun, startRun } from 'mrpo';
import { beforeEach, expect, it, onTestFinished, vi } from 'vitest';
import { trainWithCustomLoss } from '../../examples/custom-loss.js';
import { ownLoop } from '../../examples/own-loop.js';
import { toyRun, train } from '../../examples/train.js';
import { temporaryCache } from '../runs/support.js';

const EXAMPLES = join(dirname(fileURLToPath(import.meta.url)), '../../examples');

beforeEach(() => {
  vi.spyOn(console, 'log').mockImplementation(() => undefined); // they are talkative
});

it('train.ts trains and leaves a run', async () => {
  const run = await train(toyRun(), { backend: createMemoryBackend(), cache: temporaryCache() });
  onTestFinished(() => rmSync(run.folder.path, { recursive: true }));
  expect(run.record.status).toBe('succeeded');
  expect(run.record.evaluation?.after['loss']).toBeLessThan(run.record.evaluation?.before['loss'] ?? NaN);
});

it('custom-loss.ts trains with a function, and by path from a configuration, to the same result', async () => {
  const byFunction = await trainWithCustomLoss({ backend: createMemoryBackend(), cache: temporaryCache() });
  onTestFinished(() => rmSync(byFunction.folder.path, { recursive: true }));
  expect(byFunction.config.objective.loss).toBe('custom');
  // The exponential loss at margin m is e^-m: 1 where nothing is preferred yet.
  const [first] = byFunction.metrics;
  expect(first?.['eval_loss']).toBeGreaterThan(0.5);

  const config = toyRun() as { objective: object };
  const byPath = await startRun(
    {
      ...config,
      objective: { ...config.objective, loss: 'custom', module: join(EXAMPLES, 'custom-loss.ts') },
    } as never,
    {
      backend: createMemoryBackend(),
      cache: temporaryCache(),
    },
  );
  onTestFinished(() => rmSync(byPath.folder, { recursive: true }));
  await byPath.result;
  expect((await readRun(byPath.folder)).record.evaluation).toEqual(byFunction.record.evaluation);
});

it('own-loop.ts starts at ln 2 and lowers the loss in every step', async () => {
  const losses = await ownLoop(createMemoryBackend(), 'toy:policy', { cache: temporaryCache() });
  expect(losses[0]).toBe(Math.LN2);
  losses.slice(1).forEach((loss, i) => expect(loss).toBeLessThan(losses[i] ?? NaN));
});

it('own-loop.ts runs from a terminal as its first lines say', () => {
  const output = execFileSync(process.execPath, ['--import', 'tsx', join(EXAMPLES, 'own-loop.ts')], {
    encoding: 'utf8',
    cwd: dirname(EXAMPLES),
  });
  expect(output).toMatch(/^step 1 {2}loss 0\.6931/);
});
