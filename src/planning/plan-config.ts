/** The plan of a configuration and its pairs: shapes from config.json files, lengths from text. */
import { isPolicyReference } from '../config/models.js';
import type { RunConfig } from '../config/schema.js';
import type { PreferencePair } from '../data/index.js';
import { thisMachine, type Device } from './devices.js';
import { estimateLength } from './lengths.js';
import { readModelShape } from './model-shape.js';
import { planRun, type Plan } from './plan-run.js';

interface Pairs {
  readonly train: readonly PreferencePair[];
  readonly held: readonly PreferencePair[];
}

/** Plans a run from its configuration and pairs. @throws MrpoError `model` when a model has no config.json here. */
export function planConfig(
  config: RunConfig,
  { train, held }: Pairs,
  device: Device = thisMachine(),
  env: Readonly<Record<string, string | undefined>> = process.env,
): Plan {
  const lengths = (pairs: readonly PreferencePair[]) =>
    pairs.map((pair) => estimateLength(pair, config.data.max_length));
  return planRun({
    config,
    policy: readModelShape(config.policy.model, env),
    references: config.references.map((reference) =>
      isPolicyReference(reference) ? undefined : readModelShape(reference.model, env),
    ),
    train: lengths(train),
    held: lengths(held),
    device,
  });
}
