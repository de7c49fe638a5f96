/** The policy in memory: model, the run's pairs as its tokens, and the trainer. */
import type {
  Backend,
  LoadedModel,
  ModelSpec,
  PairText,
  Progress,
  RowFacts,
  Trainer,
  TrainerSpec,
} from '../backend/backend.js';
import type { RunConfig } from '../config/index.js';
import { tokenRule } from '../references/index.js';

/** The policy in the backend, with its pairs as tokens. */
export interface LoadedPolicy {
  readonly model: LoadedModel;
  /** Handle of the pairs. */
  readonly rowSet: string;
  /** One entry per pair, in their order. */
  readonly rows: readonly RowFacts[];
}

/** Loads a model and registers the pairs on it; unloads it again if that fails. */
export async function loadPolicy(
  backend: Backend,
  config: RunConfig,
  pairs: readonly PairText[],
  options: {
    readonly model: ModelSpec;
    readonly signal: AbortSignal | undefined;
    readonly onProgress: (progress: Progress) => void;
  },
): Promise<LoadedPolicy> {
  const { signal, onProgress } = options;
  const model = await backend.loadModel(options.model, { signal, onProgress });
  return unloadedOnFailure(backend, model.handle, async () => {
    const rule = tokenRule(config.data);
    const { handle, rows } = await backend.registerRows(model.handle, pairs, rule, { signal, onProgress });
    return { model, rowSet: handle, rows };
  });
}

/** A model must not stay in a backend that outlives the run when what was to be done with it failed. */
export async function unloadedOnFailure<T>(backend: Backend, modelHandle: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (thrown) {
    await backend.unloadModel(modelHandle).catch(() => undefined); // the first failure is the one to report
    throw thrown;
  }
}

/** Puts adapter and optimizer of the configuration on the policy. */
export function createPolicyTrainer(
  backend: Backend,
  config: RunConfig,
  policy: LoadedPolicy,
  options: {
    /** In place of the configuration's. */
    readonly checkpointing?: TrainerSpec['checkpointing'] | undefined;
    readonly signal: AbortSignal | undefined;
    readonly onProgress: (progress: Progress) => void;
  },
): Promise<Trainer> {
  const { training, policy: settings } = config;
  const { lora } = settings;
  const spec: TrainerSpec = {
    lora:
      lora === 'off'
        ? undefined
        : { r: lora.r, alpha: lora.alpha, dropout: lora.dropout, targetModules: lora.target_modules },
    seed: training.seed,
    optimizer: training.optim,
    adamBeta1: training.adam_beta1,
    adamBeta2: training.adam_beta2,
    adamEpsilon: training.adam_epsilon,
    checkpointing: options.checkpointing ?? settings.gradient_checkpointing,
    deterministic: training.deterministic,
  };
  return backend.createTrainer(policy.model.handle, policy.rowSet, spec, options);
}
