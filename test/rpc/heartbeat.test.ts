/** Silence of the backend is told from a pause of this process, and from one of its own. */
import { setTimeout as after } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { BACKEND_SERVICE } from '../../src/backend/grpc/service.js';
import type { MrpoError } from '../../src/core/errors.js';
import { createHeartbeat, type Heartbeat, type HeartbeatOptions } from '../../src/rpc/heartbeat.js';
import { silenceFault } from '../../src/rpc/status.js';

const SILENCE_MS = 200;
const NEVER = () => new Promise(() => undefined);

const heartbeat = (options: Partial<HeartbeatOptions>): Heartbeat =>
  createHeartbeat({
    ask: NEVER,
    silenceMs: SILENCE_MS,
    giveUp: (seconds) => silenceFault(BACKEND_SERVICE, 'unix:/x', seconds),
    ...options,
  });

function watched(over: Heartbeat): { faults: MrpoError[]; end: () => void } {
  const faults: MrpoError[] = [];
  const { end } = over.watch((fault) => faults.push(fault));
  return { faults, end };
}

const pauseOfThisProcess = (): void =>
  void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 3 * SILENCE_MS); // as Ctrl-Z and fg

it('a pause of this process longer than the silence allowed is no fault of the backend', async () => {
  const { faults, end } = watched(heartbeat({ ask: async () => undefined }));
  pauseOfThisProcess();
  await after(2 * SILENCE_MS);
  expect(faults).toEqual([]);
  end();
});

it('a backend that does not answer after such a pause is found out all the same', async () => {
  const { faults, end } = watched(heartbeat({}));
  pauseOfThisProcess();
  await expect.poll(() => faults.length, { timeout: 10 * SILENCE_MS }).toBe(1);
  expect(faults[0]?.message).toContain('no sign of life');
  end();
});

it('one that is suspended has longer, and its time to answer when it wakes', async () => {
  let asleep = true;
  const over = heartbeat({ asleep: () => asleep, asleepMs: 8 * SILENCE_MS });
  const { faults, end } = watched(over);
  await after(4 * SILENCE_MS);
  asleep = false;
  await after(0.6 * SILENCE_MS);
  expect(faults).toEqual([]);
  asleep = true;
  await expect.poll(() => faults.length, { timeout: 20 * SILENCE_MS }).toBe(1);
  end();
});

it('what is asked of one that was given up fails at its next question, until it answers again', async () => {
  let ask: () => Promise<unknown> = () => Promise.reject(new Error('no answer'));
  const over = heartbeat({ ask: () => ask() });
  const first = watched(over);
  await expect.poll(() => first.faults.length, { timeout: 10 * SILENCE_MS }).toBe(1);
  const second = watched(over);
  await after(0);
  expect(second.faults).toEqual(first.faults);
  ask = async () => undefined;
  const third = watched(over);
  await after(2 * SILENCE_MS);
  expect(third.faults).toEqual([]);
  third.end();
});
