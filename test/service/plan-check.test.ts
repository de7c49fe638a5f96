/** A run whose memory plan is larger than the device is refused with the numbers. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { loadConfig } from '../../src/config/index.js';
import { toMrpoError } from '../../src/core/errors.js';
import { failureOfError } from '../../src/service/worker/failure.js';
import { requireFit } from '../../src/service/worker/plan-check.js';
import { serviceWorld, type World } from './support.js';

let world: World;
beforeAll(() => void (world = serviceWorld()), 180_000);
afterAll(() => world.remove());

const check = (model: string): Promise<void> => {
  const written = world.config();
  const { config } = loadConfig({ object: { ...written, policy: { ...written.policy, model } }, env: {} });
  return requireFit(config, 'embedded', new AbortController().signal);
};

it('refuses a model of 4,000 layers and lets the tiny one pass', async () => {
  const tiny = world.config().policy.model;
  const shape = JSON.parse(readFileSync(join(tiny, 'config.json'), 'utf8')) as object;
  const huge = join(world.folder, 'huge');
  mkdirSync(huge);
  writeFileSync(
    join(huge, 'config.json'),
    JSON.stringify({
      ...shape,
      hidden_size: 16384,
      intermediate_size: 65536,
      num_hidden_layers: 4000,
      num_attention_heads: 128,
    }),
  );
  await check(tiny);
  const failure = failureOfError(toMrpoError(await check(huge).catch((thrown: unknown) => thrown)));
  expect(failure).toMatchObject({ class: 'RESOURCE', reason: 'does_not_fit', retryable: false });
  expect(failure.message).toMatch(/needs \d{5,}\.\d\d GB \(weights \d+\.\d\d, .*activations .*\), .* has [\d.]+ GB/);
});
