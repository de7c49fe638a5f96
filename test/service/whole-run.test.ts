/** One run from order to adapter, through the real service, its own process and the real backend. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { connect, type RunsClient } from '../../src/service/client/connect.js';
import type { ServiceEvent } from '../../src/service/client/values.js';
import { serviceWorld, startService, type RunsService, type World } from './support.js';

let world: World;
let running: RunsService;
let service: RunsClient;

beforeAll(async () => {
  world = serviceWorld();
  running = await startService(world.options);
  service = connect({ address: running.address });
}, 180_000);
afterAll(async () => {
  service.close();
  await running.stop();
  world.remove();
}, 180_000);

it('orders, watches and fetches a run', async () => {
  const { run } = await service.create(world.config(), { id: 'first', labels: { team: 'a' } });
  expect(run).toMatchObject({ id: 'first', labels: { team: 'a' }, tenant: 'local' });
  const events: ServiceEvent[] = [];
  for await (const event of service.watch('first')) events.push(event);
  expect(events.map(({ seq }) => seq)).toEqual(events.map((_, i) => i + 1));
  expect(events.at(-1)).toMatchObject({ type: 'state', state: 'SUCCEEDED' });
  expect(events.flatMap((event) => (event.type === 'step' ? [event.step] : []))).toEqual([1, 2, 3, 4]);
  const after = await service.get('first');
  expect(after).toMatchObject({
    state: 'SUCCEEDED',
    attempt: 1,
    lastSeq: events.length,
    progress: { step: 4, totalSteps: 4 },
  });
  expect(after.resolvedSpec).toMatchObject({ training: { adam_beta1: 0.9 } });
  const paths = await service.download('first', 'result', join(world.folder, 'fetched'));
  expect(paths.map((path) => path.slice(world.folder.length))).toContain('/fetched/adapter_model.safetensors');
  const own = readFileSync(join(after.folder, 'adapter', 'adapter_model.safetensors'));
  expect(readFileSync(join(world.folder, 'fetched', 'adapter_model.safetensors')).equals(own)).toBe(true);
  expect(existsSync(join(world.folder, 'fetched', 'adapter_model.safetensors.part'))).toBe(false);
}, 180_000);
