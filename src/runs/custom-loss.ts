/** A loss that a program gives as a function, in place of the one that the configuration names. */
import { configHash, type LoadedConfig } from '../config/index.js';
import type { CustomLoss } from '../objectives/custom-loss.js';

/** A loss of the caller's own. */
export interface LossChoice {
  /** Trains with this loss; `objective.loss` of the configuration is then `custom`, its other settings count. */
  readonly customLoss?: CustomLoss | undefined;
}

/** What stands in the run folder in place of a file: a function cannot be found there again. */
const IN_PROGRAM = '(a function of the program that started the run)';

/** The configuration with the loss of a program, or as it is. */
export function withCustomLoss(loaded: LoadedConfig, { customLoss }: LossChoice): LoadedConfig {
  if (customLoss === undefined) return loaded;
  const config = {
    ...loaded.config,
    objective: { ...loaded.config.objective, loss: 'custom' as const, module: IN_PROGRAM },
  };
  return { ...loaded, config, hash: configHash(config) };
}
