/** An order of nothing that exists, for tests that start no run. */
import { loadConfig } from '../../src/config/index.js';
import type { Order } from '../../src/service/order.js';

export function anOrder(id: string): Order {
  const spec = { policy: { model: '/m' }, data: { train: '/d.jsonl' } };
  const { config, hash } = loadConfig({ object: spec, env: {} });
  const by = { tenant: 'a', createdBy: 'ci', labels: { team: 'x' }, priority: 0 };
  return { format: 1, id, createdAt: Date.now(), specHash: hash, spec, resolved: config, ...by };
}
