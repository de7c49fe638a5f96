/** Silence of the backend is told from a pause of this process. */
import { setTimeout as after } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { BACKEND_SERVICE } from '../../src/backend/grpc/service.js';
import type { MrpoError } from '../../src/core/errors.js';
import { createHeartbeat } from '../../src/rpc/heartbeat.js';

const SILENCE_MS = 200;

function watched(ask: () => Promise<unknown>): { faults: MrpoError[]; end: () => void } {
  const faults: MrpoError[] = [];
  const { end } = createHeartbeat(ask, SILENCE_MS, BACKEND_SERVICE, 'unix:/x').watch((fault) => faults.push(fault));
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
