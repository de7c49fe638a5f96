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

it('pauses, goes on with and cancels a run that trains', async () => {
  const id = 'second';
  await service.create(world.config({ max_steps: 500, eval_steps: 500 }), { id });
  const states: string[] = [];
  let asked = 0;
  for await (const event of service.watch(id)) {
    if (event.type === 'state') states.push(event.state);
    if (event.type === 'step' && asked === 0 && (asked = 1)) await service.pause(id);
    if (event.state === 'PAUSED') {
      const [checkpoint] = await service.checkpoints(id);
      expect(checkpoint?.step).toBeGreaterThan(0);
      await service.resume(id);
    }
    if (event.type === 'resumed') expect(event.step).toBeGreaterThan(0);
    if (event.type === 'step' && event.attempt === 2 && asked === 1 && (asked = 2)) await service.cancel(id, 'enough');
  }
  expect(states).toEqual([
    'PENDING',
    'PREPARING',
    'RUNNING',
    'PAUSED',
    'PENDING',
    'PREPARING',
    'CANCELLING',
    'CANCELLED',
  ]);
  expect(await service.get(id)).toMatchObject({ state: 'CANCELLED', attempt: 2, reason: 'enough' });
  await service.delete(id);
  await expect(service.get(id)).rejects.toMatchObject({ reason: 'run_not_found' });
}, 300_000);

it('plans, scores, reports and lists models', async () => {
  const config = world.config();
  const plan = await service.plan(config);
  expect(plan).toMatchObject({ fits: true, trainPairs: 18, heldOutPairs: 6, steps: 4 });
  expect(plan.memoryBytes['total']).toBeGreaterThan(plan.memoryBytes['weights'] ?? Infinity);
  await expect(service.plan(config, 'ABACUS')).rejects.toMatchObject({ reason: 'spec_invalid' });
  const changed = { ...config, data: { ...config.data, max_length: 80 } };
  await expect(service.referenceReport(changed)).rejects.toMatchObject({ reason: 'not_scored' });
  const scored = await service.score(changed);
  expect(scored).toMatchObject({ pairs: 24, usable: 24, references: [{ name: 'self', scored: 24, cached: 0 }] });
  expect(await service.referenceReport(changed)).toMatchObject({ pairs: 24 });
  expect(await service.whatIf(changed)).toHaveProperty('results');
  const paths = (await service.models()).map(({ path }) => path);
  expect(paths).toContain(config.policy.model);
}, 300_000);
