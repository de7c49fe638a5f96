import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import Database from 'libsql';
import { expect, onTestFinished, test } from 'vitest';
import { openLogpCache } from '../../src/references/cache/index.js';
import { samplePairs } from './sample-pairs.js';
import { temporaryFolder } from './support.js';

const SCRIPT = fileURLToPath(new URL('./scoring-process.ts', import.meta.url));

interface Scoring {
  readonly child: ChildProcess;
  /** Resolves with the counts of its reference. */
  readonly counts: Promise<{ scored: number; cached: number }>;
}

function startScoring(cache: string, log: string, pairs: number, delayMs: number, leaseMs?: number): Scoring {
  const numbers = [pairs, delayMs, ...(leaseMs === undefined ? [] : [leaseMs])].map(String);
  const child = spawn(process.execPath, ['--import', 'tsx', SCRIPT, cache, log, ...numbers], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  const counts = new Promise<{ scored: number; cached: number }>((resolve, reject) => {
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.on('exit', (code) =>
      code === 0
        ? resolve((JSON.parse(output) as { scored: number; cached: number }[])[0]!)
        : reject(new Error(`ended with ${code}`)),
    );
  });
  counts.catch(() => undefined); // a child that a test kills has no counts
  return { child, counts };
}

const linesOf = (file: string): string[] =>
  existsSync(file) ? readFileSync(file, 'utf8').split('\n').filter(Boolean) : [];

async function waitFor(condition: () => boolean): Promise<void> {
  while (!condition()) await sleep(10);
}

/** Stops a process where it holds no lock of the cache: with one, it would make everyone else stand still too. */
async function stopBetweenWrites(child: ChildProcess, cache: string): Promise<void> {
  for (;;) {
    child.kill('SIGSTOP');
    const database = new Database(cache);
    try {
      database.exec('PRAGMA busy_timeout = 200; BEGIN IMMEDIATE; ROLLBACK');
      return;
    } catch {
      child.kill('SIGCONT');
      await sleep(20);
    } finally {
      database.close();
    }
  }
}

function storedTexts(path: string): string[] {
  const cache = openLogpCache({ path });
  try {
    return cache.entries().flatMap((entry) => cache.dump(entry).map(({ text }) => text));
  } finally {
    cache.close();
  }
}

test('a process killed while it scores loses at most the chunk in flight, and nothing finished is computed again', async () => {
  const folder = temporaryFolder();
  const [cache, log] = [join(folder, 'logps.sqlite'), join(folder, 'computed')];
  const first = startScoring(cache, log, 320, 40);
  await waitFor(() => linesOf(log).length >= 64);
  first.child.kill('SIGKILL');
  await expect(first.counts).rejects.toThrow();

  const computedBefore = new Set(linesOf(log));
  const kept = storedTexts(cache);
  expect(kept.length).toBeGreaterThanOrEqual(48);
  expect(kept.length).toBeGreaterThanOrEqual(computedBefore.size - 16);
  expect(kept.every((text) => computedBefore.has(text))).toBe(true);

  const secondLog = join(folder, 'computed-after');
  const counts = await startScoring(cache, secondLog, 320, 0).counts;
  expect(counts).toMatchObject({ scored: 320 - kept.length, cached: kept.length });
  const computedAfter = linesOf(secondLog);
  expect(computedAfter.filter((text) => kept.includes(text))).toEqual([]);
  expect(new Set([...kept, ...computedAfter])).toEqual(new Set(samplePairs(320).map(({ id }) => id)));
});

test('two processes on one cache divide the work: no pair is computed twice, both end with all of them', async () => {
  const folder = temporaryFolder();
  const cache = join(folder, 'logps.sqlite');
  const logs = [join(folder, 'first'), join(folder, 'second')];
  const results = await Promise.all(logs.map((log) => startScoring(cache, log, 160, 30).counts));
  const computed = logs.flatMap(linesOf);
  expect(computed).toHaveLength(160);
  expect(new Set(computed)).toEqual(new Set(samplePairs(160).map(({ id }) => id)));
  expect(results.map(({ scored, cached }) => scored + cached)).toEqual([160, 160]);
  expect(results.reduce((sum, { scored }) => sum + scored, 0)).toBe(160);
  expect(storedTexts(cache)).toHaveLength(160);
});

test('a process that takes over after a kill does not wait for the lease to end', async () => {
  const folder = temporaryFolder();
  const [cache, log] = [join(folder, 'logps.sqlite'), join(folder, 'computed')];
  const holder = startScoring(cache, log, 160, 100);
  await waitFor(() => linesOf(log).length >= 16);
  const waiter = startScoring(cache, join(folder, 'waiter'), 160, 0);
  await sleep(1500);
  expect(linesOf(join(folder, 'waiter'))).toEqual([]);
  holder.child.kill('SIGKILL');
  await waiter.counts;
  const database = new Database(cache);
  expect(database.prepare('PRAGMA integrity_check').raw().get()).toEqual(['ok']);
  database.close();
  expect(storedTexts(cache)).toHaveLength(160);
});

test('a process that stood still for longer than its claim sees that it is gone: no pair is computed twice by it, none is lost', async () => {
  const folder = temporaryFolder();
  const [cache, log, log2] = ['logps.sqlite', 'first', 'second'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  const leaseMs = 1500;
  const first = startScoring(cache, log, 320, 40, leaseMs);
  await waitFor(() => linesOf(log).length >= 64);
  await stopBetweenWrites(first.child, cache);
  const inFlight = linesOf(log).length;
  const second = startScoring(cache, log2, 320, 40, leaseMs);
  await waitFor(() => linesOf(log2).length >= 32);
  first.child.kill('SIGCONT');
  const [mine, theirs] = await Promise.all([first.counts, second.counts]);

  const [computed, computedToo] = [linesOf(log), linesOf(log2)];
  expect(computed.length).toBeLessThanOrEqual(inFlight + 16); // the chunk at hand, and it saw
  expect(new Set(computed).size).toBe(computed.length);
  expect(new Set(computedToo).size).toBe(computedToo.length);
  expect(computedToo.filter((text) => computed.includes(text)).length).toBeLessThanOrEqual(2 * 16);
  expect(mine.scored + theirs.scored).toBe(320);
  expect([mine, theirs].map(({ scored, cached }) => scored + cached)).toEqual([320, 320]);
  expect(storedTexts(cache).sort()).toEqual(
    samplePairs(320)
      .map(({ id }) => id)
      .sort(),
  );
});
