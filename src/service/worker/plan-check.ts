/** Before a run is started: whether its memory plan fits. A run that cannot fit is refused with the numbers, not tried. */
import type { Backend } from '../../backend/backend.js';
import type { RunConfig } from '../../config/index.js';
import { MrpoError } from '../../core/errors.js';
import { loadData } from '../../data/index.js';
import { deviceOfBackend, planConfig, type Plan } from '../../planning/index.js';
import { chooseBackend } from '../../runs/with-backend.js';
import { EMBEDDED } from './exit-codes.js';

const gigabytes = (bytes: number): string => (bytes / 1e9).toFixed(2);

/**
 * Nothing happens where no plan can be made: a model that is not here yet, a device whose figures are not known.
 * @throws DoesNotFit with every part of the plan; what is wrong with the data is left to the run itself to tell.
 */
export async function requireFit(config: RunConfig, address: string, signal: AbortSignal): Promise<void> {
  const plan = await planOf(config, address, signal).catch(() => undefined);
  if (plan === undefined || plan.fits) return;
  const { total, ...parts } = plan.memory;
  const named = Object.entries(parts).map(([name, bytes]) => `${name} ${gigabytes(bytes)}`);
  throw new DoesNotFit(
    `the run needs ${gigabytes(total)} GB (${named.join(', ')}), ${plan.device.name} has ${gigabytes(plan.device.memoryBytes)} GB`,
  );
}

/** The memory plan of a run is larger than its device. */
export class DoesNotFit extends MrpoError {
  constructor(message: string) {
    super('environment', message, {
      hint: 'Try policy.quantization=nf4, policy.gradient_checkpointing=full, a smaller data.max_length or a larger device.',
    });
  }
}

async function planOf(config: RunConfig, address: string, signal: AbortSignal): Promise<Plan | undefined> {
  const chosen = chooseBackend({ signal, ...(address !== EMBEDDED && { backendAddress: address }) });
  try {
    const device = address === EMBEDDED ? undefined : await deviceAt(await chosen.open());
    if (address !== EMBEDDED && device === undefined) return undefined;
    const data = await loadData(config.data, {
      seed: config.training.seed,
      signal,
      hub: async function* (dataset, part) {
        yield* (await chosen.open()).readDataset(dataset, { signal, ...part });
      },
    });
    return planConfig(config, { train: data.train, held: data.eval }, device);
  } finally {
    await chosen.close();
  }
}

const deviceAt = async (backend: Backend): Promise<ReturnType<typeof deviceOfBackend>> =>
  deviceOfBackend(await backend.info());
