/** Who is away, and since when. */
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { expect, it, vi } from 'vitest';
import { watchBackends } from '../../src/service/queue/backend-health.js';
import { temporaryFolder } from '../runs/support.js';

const listen = async (path: string): Promise<Server> => {
  const server = createServer((socket) => void socket.resume().on('error', () => undefined)).listen(path);
  await once(server, 'listening');
  return server;
};

it('a backend is away while nobody takes connections at its address', async () => {
  const [here, gone] = ['here', 'gone'].map((name) => join(temporaryFolder(), name)) as [string, string];
  const server = await listen(here);
  let looked = (): void => undefined;
  const look = (): Promise<void> => new Promise((resolve) => (looked = resolve));
  const first = look();
  const health = watchBackends(['embedded', here, gone], 20, () => looked());
  expect([here, gone, 'embedded'].map(health.isAway)).toEqual([false, false, false]); // not looked at yet
  await first;
  expect([here, gone, 'embedded'].map(health.isAway)).toEqual([false, true, false]);
  await look();
  expect(health.awayFor(gone)).toBeGreaterThan(0);
  expect(health.awayFor(here)).toBe(0);

  const back = await listen(gone);
  server.close();
  await once(server, 'close');
  health.noteAway(here); // whoever has tried tells it at once
  expect(health.isAway(here)).toBe(true);
  await look();
  await look();
  expect([here, gone].map(health.isAway)).toEqual([true, false]);
  health.noteAway(gone); // it hangs: it takes connections and answers nothing
  health.noteAway(gone);
  expect(health.isAway(gone)).toBe(true);
  await look();
  expect(health.isAway(gone)).toBe(true);
  await vi.waitFor(() => expect(health.isAway(gone)).toBe(false), 5_000); // it may be tried again
  health.stop();
  back.close();
});
