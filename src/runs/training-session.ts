/** Training step by step, for a loop of one's own: everything that a run prepares, and no run folder of its own accord. */
import { resolve } from 'node:path';
import type { LoadedConfig, RunConfig } from '../config/index.js';
import { throwIfAborted } from '../core/abort.js';
import { MrpoError } from '../core/errors.js';
import type { RunEvent } from '../store/events.js';
import { NEVER_SATURATED } from '../training/batches.js';
import { planCourse } from '../training/course.js';
import { evaluatePolicy, type Evaluation } from '../training/evaluate.js';
import { fitWeights, startReward } from '../training/learning-weights.js';
import { policyStart } from '../training/policy-start.js';
import type { TrainingState } from '../training/state.js';
import { createStepRunner, type StepOutcome } from '../training/step.js';
import { budgetAfterStep, startBudget } from '../training/token-budget.js';
import { withCustomLoss, type LossChoice } from './custom-loss.js';
import { prepareRun, releaseRun, type PreparedRun } from './prepare-run.js';
import type { CacheChoice } from './run-context.js';
import type { RunPairs } from './scores-in-force.js';
import { openSessionCheckpoints, type SessionCheckpoints } from './session-checkpoints.js';
import { chooseBackend, type BackendChoice } from './with-backend.js';

/** Backend, cache and loss of the caller's own, and a learning rate in place of the schedule. */
export interface SessionOptions extends BackendChoice, CacheChoice, LossChoice {
  /** Learning rate of a step, counted from 1. Default: the schedule of the configuration. */
  readonly learningRate?: ((step: number, totalSteps: number) => number) | undefined;
  /**
   * A folder for `saveCheckpoint`. If it has checkpoints, of a session that was killed or closed, this one goes on from the
   * newest of them. Default: none, and the session begins at step 1.
   */
  readonly checkpoints?: string | undefined;
  /** Hears of stages, progress and notes while the session is prepared. */
  readonly onEvent?: ((event: RunEvent) => void) | undefined;
}

/** What one optimizer step did. */
export interface SessionStep extends Pick<StepOutcome, 'measures' | 'microBatches' | 'tokens'> {
  /** Counted from 1. */
  readonly step: number;
  /** Passes over the data after this step: 0.25, 0.5, ... */
  readonly epoch: number;
  readonly learningRate: number;
  /** Before clipping. */
  readonly gradNorm: number;
  /** The gradient was not finite and the step changed nothing. */
  readonly skipped: boolean;
}

/** A prepared training whose steps the caller asks for. */
export interface TrainingSession {
  /** Steps of the configuration's epochs. */
  readonly totalSteps: number;
  /** Steps that are done: not 0 at the start of a session that goes on from a checkpoint. */
  readonly stepsDone: number;
  /** Notes of the preparation: dropped rows, fallbacks. */
  readonly notes: readonly string[];
  /** The next optimizer step: forward, loss, backward, commit. @throws MrpoError `usage` after the last. */
  step(): Promise<SessionStep>;
  /** Metrics and log-probs of the current policy on the held-out pairs. */
  evaluate(): Promise<Evaluation>;
  /** Writes the adapter (PEFT format) or, after full fine-tuning, the model to a new folder. */
  save(folder: string): Promise<void>;
  /**
   * Keeps everything that decides the rest of the training in the folder `checkpoints`: whole, or not there. The next step
   * may be asked for meanwhile. `training.save_total_limit` of them are kept.
   * @throws MrpoError `usage` for a session without that folder.
   */
  saveCheckpoint(): Promise<void>;
  /** Frees the policy, and the backend if it was opened for the session. */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Reads the pairs, scores the references, loads the policy and its trainer. See `prepareTraining` of the SDK. */
export async function openTrainingSession(given: LoadedConfig, options: SessionOptions = {}): Promise<TrainingSession> {
  const loaded = withCustomLoss(given, options);
  const signal = options.signal ?? new AbortController().signal;
  const notes: string[] = [];
  const emit = (event: RunEvent): void => {
    if (event.type === 'note') notes.push(event.message);
    options.onEvent?.(event);
  };
  const note = (message: string): void => emit({ type: 'note', message });
  const kept = options.checkpoints === undefined ? undefined : await openSessionCheckpoints(options.checkpoints, note);
  const backend = chooseBackend(options);
  const close = async (): Promise<void> => {
    await kept?.close();
    await backend.close();
  };
  try {
    const context = {
      loaded,
      emit,
      signal,
      open: backend.open,
      cache: options.cache,
      customLoss: options.customLoss,
      runRecord: { update: async () => undefined, stage: <T>(_: unknown, work: () => Promise<T>) => work() },
    };
    const prepared = await prepareRun(context, kept?.point?.checkpointing);
    try {
      return await sessionOn(prepared, loaded.config, { ...options, signal, notes, kept, close });
    } catch (thrown) {
      await releaseRun(prepared);
      throw thrown;
    }
  } catch (thrown) {
    await close();
    throw thrown;
  }
}

async function sessionOn(
  prepared: PreparedRun,
  config: RunConfig,
  options: SessionOptions & {
    readonly signal: AbortSignal;
    readonly notes: readonly string[];
    readonly kept: SessionCheckpoints | undefined;
    readonly close: () => Promise<void>;
  },
): Promise<TrainingSession> {
  const { backend, policy, trainer, objective, referenceNames, policyReferences } = prepared;
  const { training } = config;
  const { signal, kept } = options;
  const resume = kept?.point?.training;
  const scoring = { backend, rowSet: policy.rowSet, signal };
  const start = async (): Promise<RunPairs> => {
    if (kept?.point !== undefined) return kept.goOn(prepared);
    const pairs = await policyStart(prepared.examples, policyReferences, scoring);
    await kept?.begin(pairs);
    return pairs;
  };
  const { train: examples, heldOut } = await start();
  const evaluate = (_: AbortSignal | undefined, only?: readonly number[]): Promise<Evaluation> =>
    evaluatePolicy({ ...scoring, objective, referenceNames, examples: heldOut, only });
  const learning = { objective, heldOut, evaluate };
  if (resume === undefined) fitWeights(learning);
  else objective.restore?.(resume.objective);
  const saturatingTokens =
    resume?.saturatingTokens ?? (training.deterministic ? NEVER_SATURATED : trainer.saturatingTokens);
  const plan = planCourse(training, examples.size);
  const { totalSteps } = plan;
  const rateOf = options.learningRate ?? plan.learningRate;
  const steps = createStepRunner({
    trainer,
    objective,
    examples,
    referenceNames,
    policyReferences,
    seed: training.seed,
    weightDecay: training.weight_decay,
    maxGradNorm: training.max_grad_norm,
    saturatingTokens,
    signal,
  });
  let tokenBudget = resume?.tokenBudget ?? startBudget(training.micro_batch_tokens ?? trainer.microBatchTokens);
  let done = resume?.step ?? 0;
  const state = (): TrainingState => ({
    ...{ step: done, evaluated: false, tokenBudget, saturatingTokens, skippedInARow: 0 },
    objective: objective.state?.(),
  });
  let closed: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    await steps.end();
    await releaseRun(prepared);
    await options.close();
  };
  const closeOnce = (): Promise<void> => (closed ??= close());
  return {
    totalSteps,
    get stepsDone() {
      return done;
    },
    notes: options.notes,
    async step() {
      throwIfAborted(signal);
      const now = plan.step(done + 1);
      if (done >= totalSteps || now === undefined) {
        throw new MrpoError('usage', `step ${done + 1}: the training has ${totalSteps} steps`, {
          hint: 'Set training.epochs or training.max_steps higher.',
        });
      }
      const learningRate = rateOf(now.step, totalSteps);
      const reward = await startReward(learning, training.seed, now.step, signal);
      const outcome = await steps.run({ plan: now, learningRate, tokenBudget: tokenBudget.tokens });
      await reward?.();
      tokenBudget = budgetAfterStep(tokenBudget, outcome.tokenBudget);
      done = now.step;
      const { measures, microBatches, tokens } = outcome;
      const { gradNorm, skipped } = outcome.commit;
      return { step: now.step, epoch: now.epoch, learningRate, measures, microBatches, tokens, gradNorm, skipped };
    },
    evaluate: () => evaluate(signal),
    async save(folder) {
      const merge = config.policy.lora === 'off';
      await backend.exportModel(policy.model.handle, resolve(folder), { merge, modelCard: '' });
    },
    async saveCheckpoint() {
      if (kept !== undefined) return kept.save(prepared, state(), training.save_total_limit);
      throw new MrpoError('usage', 'saveCheckpoint: this session has no folder for checkpoints', {
        hint: "Open it with one: prepareTraining(config, { checkpoints: 'FOLDER' }).",
      });
    },
    close: closeOnce,
    [Symbol.asyncDispose]: closeOnce,
  };
}
