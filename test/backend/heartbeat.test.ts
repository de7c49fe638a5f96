/** Silence of the backend is told from a pause of this process. */
import { setTimeout as after } from 'node:timers/promises';
import { expect, it } from 'vitest';
import type { BackendFault } from '../../src/backend/fault.js';
import { createHeartbeat } from '../../src/backend/grpc/heartbeat.js';

const SILENCE_MS = 200;

function watched(ask: () => Promise<unknown>): { faults: BackendFault[]; end: () => void } {
  const faults: BackendFault[] = [];
  const { end } = createHeartbeat(ask, SILENCE_MS, 'unix:/x').watch((fault) => faults.push(fault));
  return { faults, end };
}

it('a pause of this process longer than the silence allowed is no fault of the backend', async () => {
  const { faults, end } = watched(async () => undefined);
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 3 * SILENCE_MS); // as Ctrl-Z and fg
  await after(2 * SILENCE_MS);
  expect(faults).toEqual([]);
  end();
});

it('a backend that does not answer after such a pause is found out all the same', async () => {
  const { faults, end } = watched(() => new Promise(() => undefined));
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 3 * SILENCE_MS);
  await expect.poll(() => faults.length, { timeout: 10 * SILENCE_MS }).toBe(1);
  expect(faults[0]?.message).toContain('no sign of life');
  end();
});
