/** What was planned before anything was loaded, to stand beside what came out. */
import type { RunConfig } from '../config/index.js';
import { MrpoError } from '../core/errors.js';
import type { PreferencePair } from '../data/index.js';
import { deviceOfBackend, planConfig } from '../planning/index.js';
import type { BackendFacts, PlanFacts } from '../store/run-record.js';

/** Undefined where a plan cannot be made: a model without a config.json here, a device whose figures are not known. */
export function planFacts(
  config: RunConfig,
  pairs: { readonly train: readonly PreferencePair[]; readonly held: readonly PreferencePair[] },
  backend: BackendFacts,
): PlanFacts | undefined {
  const device = deviceOfBackend(backend);
  if (device === undefined) return undefined;
  try {
    const { memory, secondsPerStep, steps, checkpointing, microBatchTokens } = planConfig(config, pairs, device);
    return { memoryBytes: memory.total, secondsPerStep, steps, checkpointing, microBatchTokens, basis: device.basis };
  } catch (thrown) {
    if (thrown instanceof MrpoError && thrown.code === 'model') return undefined;
    throw thrown;
  }
}
