/** SIGKILL to either side of a real run, at any moment: the result is that of the run that nobody disturbed. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it, onTestFinished, vi } from 'vitest';
import { readRun } from '../../src/runs/index.js';
import { kill, leftovers, resultOf, startAttempt, writeKillRun, type Attempt } from './kill-run.js';
import { temporaryFolder } from './support.js';

vi.setConfig({ testTimeout: 600_000 }); // ms; each attempt starts Python, which takes long on a busy machine

const OPTIONS = { steps: 24, saveSteps: 3, weights: 'tsw' } as const;

function begin(folder: string): Attempt {
  const attempt = startAttempt(folder);
  onTestFinished(() => kill(attempt.process.pid));
  return attempt;
}

/** Waits until the run has written so many lines of metrics. */
async function untilLine(folder: string, attempt: Attempt, lines: number): Promise<void> {
  const written = (): number => {
    try {
      return readFileSync(join(folder, 'run/metrics.jsonl'), 'utf8').split('\n').length - 1;
    } catch {
      return 0;
    }
  };
  const over = attempt.ended.then((how) => {
    throw new Error(`ended (${how}) before it was to be killed:\n${attempt.output()}`);
  });
  while (written() < lines) await Promise.race([sleep(20), over]);
  over.catch(() => undefined);
}

it('killed as Node, as Python, and as both', async () => {
  const quiet = temporaryFolder();
  writeKillRun(quiet, OPTIONS);
  const undisturbed = begin(quiet);
  undisturbed.process.stderr?.destroy(); // it goes on when nobody reads its notes
  expect(await undisturbed.ended, undisturbed.output()).toBe(0);
  expect((await readRun(join(quiet, 'run'))).record.status).toBe('succeeded');

  const folder = temporaryFolder();
  writeKillRun(folder, OPTIONS);
  const first = begin(folder);
  await untilLine(folder, first, 6);
  const python = first.python();
  kill(first.process.pid);
  expect(await first.ended).toBe('SIGKILL');

  const second = begin(folder); // Python dies under it, and the run goes on by itself
  await untilLine(folder, second, 10);
  expect(second.python()).not.toBe(python);
  kill(second.python());
  expect(await second.ended, second.output()).toBe(0);
  expect(second.output()).toContain('going on from the last checkpoint');

  const [one, other] = [resultOf(folder), resultOf(quiet)];
  expect(one.adapter.equals(other.adapter)).toBe(true);
  expect({ ...one, adapter: 0 }).toEqual({ ...other, adapter: 0 });
  expect(leftovers(folder)).toEqual([]);
  const { record } = await readRun(join(folder, 'run'));
  expect(record.attempts.map(({ kind }) => kind)).toEqual(['start', 'resume', 'recovery']);
});
