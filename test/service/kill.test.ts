/** The service is killed while runs are at work and waiting: they end as if nothing had happened. `bench -- service-kill` does it often. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { connect, type RunsClient } from '../../src/service/client/connect.js';
import type { ServiceEvent } from '../../src/service/client/values.js';
import { kill } from '../runs/kill-run.js';
import { again, listening, processesOf, serviceWorld, startServiceProcess, type World } from './support.js';

const STEPS = 12;
let world: World;
let service: RunsClient;
let child: ReturnType<typeof startServiceProcess>;

beforeAll(() => {
  world = serviceWorld();
  Object.assign(world.options, { address: `unix:${join(world.folder, 's')}` });
  child = startServiceProcess(world, 1);
  service = connect({ address: world.options.address });
}, 180_000);
afterAll(() => {
  service.close();
  for (const id of ['a', 'b']) for (const pid of processesOf(world, id)) kill(pid);
  kill(child.pid);
  world.remove();
});

it('a run whose service is killed, alone or with its process, ends with the same adapter; no event is lost', async () => {
  await listening(child);
  const config = world.config({ max_steps: STEPS, save_steps: 2, eval_steps: 6 });
  const spec = { ...config, policy: { ...config.policy, lora: { r: 4, dropout: 0.1 } } };
  for (const id of ['a', 'b']) await again(() => service.create(spec, { id }));
  const watches = ['a', 'b'].map((id) => followed(id));

  await until(async () => (await again(() => service.get('a'))).progress.step >= 1);
  const [worker] = processesOf(world, 'a');
  kill(child.pid);
  child = startServiceProcess(world, 1);
  await listening(child);
  const found = await again(() => service.get('a'));
  expect(found.attempt).toBe(1);
  const [now] = processesOf(world, 'a'); // none once the run has ended
  if (found.state === 'RUNNING' && now !== undefined) expect(now).toBe(worker);

  await until(async () => (await again(() => service.get('a'))).progress.step >= 3);
  for (const pid of [child.pid, ...processesOf(world, 'a')]) kill(pid);
  child = startServiceProcess(world, 1);
  await listening(child);

  const [a = [], b = []] = await Promise.all(watches);
  for (const events of [a, b]) {
    expect(events.map(({ seq }) => seq)).toEqual(events.map((_, i) => i + 1));
    expect(events.at(-1)).toMatchObject({ type: 'state', state: 'SUCCEEDED' });
    expect(new Set(events.flatMap((event) => (event.type === 'step' ? [event.step] : []))).size).toBe(STEPS);
  }
  expect(await followed('a')).toEqual(a);
  const adapters = await Promise.all(
    ['a', 'b'].map(async (id) =>
      readFileSync(join((await service.get(id)).folder, 'adapter/adapter_model.safetensors')),
    ),
  );
  expect(adapters[0]?.equals(adapters[1] as Buffer)).toBe(true);
}, 400_000);

async function followed(id: string): Promise<ServiceEvent[]> {
  const events: ServiceEvent[] = [];
  for await (const event of service.watch(id)) events.push(event);
  return events;
}

async function until(reached: () => Promise<boolean>): Promise<void> {
  while (!(await reached())) await sleep(100);
}
