/**
 * The training loop, from the evaluation before the first update to the one after the last. It yields what happens and
 * writes nothing: whoever iterates decides what to show and what to keep.
 */
import type { Trainer } from '../backend/backend.js';
import type { RunConfig } from '../config/schema.js';
import { MrpoError } from '../core/errors.js';
import { planTraining, type StepPlan } from './batches.js';
import type { Evaluation } from './evaluate.js';
import type { Examples } from './examples.js';
import { fitWeights, startReward, type LearningContext } from './learning-weights.js';
import type { Metrics } from '../objectives/metrics.js';
import { createSchedule, learningRateAt } from './schedule.js';
import { createStepRunner, type StepOutcome } from './step.js';

export interface TrainingOptions extends LearningContext {
  readonly trainer: Trainer;
  readonly examples: Examples;
  readonly referenceNames: readonly string[];
  /** Which references are the policy as it starts. */
  readonly policyReferences?: readonly number[] | undefined;
  readonly training: RunConfig['training'];
  /** Called first: the pairs with the log-probs of the policy's own start in force, see policy-start.ts. */
  readonly start?: ((signal: AbortSignal | undefined) => Promise<StartingPairs>) | undefined;
  /** Fired: training ends at the next step boundary, without a last evaluation. */
  readonly signal?: AbortSignal | undefined;
}

export interface StartingPairs {
  readonly train: Examples;
  readonly heldOut: Examples;
}

export interface StepEvent {
  readonly type: 'step';
  readonly step: number;
  readonly totalSteps: number;
  readonly epoch: number;
  readonly measures: Metrics;
  readonly learningRate: number;
  /** Before clipping. */
  readonly gradNorm: number;
  /** The gradient was not finite and the step changed nothing. */
  readonly skipped: boolean;
  readonly pairs: number;
  readonly tokens: number;
  readonly microBatches: number;
  readonly seconds: number;
  readonly peakMemoryBytes: number;
}

export type TrainingEvent =
  | StepEvent
  | { readonly type: 'evaluation'; readonly step: number; readonly epoch: number; readonly evaluation: Evaluation }
  /** The step ran out of memory and was done again in smaller pieces; later steps keep them. */
  | { readonly type: 'smaller_micro_batches'; readonly step: number; readonly tokenBudget: number };

/** How training ended. */
export interface TrainingEnd {
  readonly steps: number;
  readonly totalSteps: number;
  readonly stopped: boolean;
}

/** So many steps in a row with a gradient that is not finite are no accident. */
const MAX_SKIPPED_IN_A_ROW = 5;

/** Trains; the generator's return value says how it ended. */
export async function* trainPolicy(given: TrainingOptions): AsyncGenerator<TrainingEvent, TrainingEnd> {
  const { training, trainer, signal } = given;
  const plan = planTraining({
    pairs: given.examples.size,
    batchSize: training.batch_size,
    epochs: training.epochs,
    maxSteps: training.max_steps,
    seed: training.seed,
  });
  const { totalSteps } = plan;
  const schedule = createSchedule(
    training.lr_scheduler_type,
    training.learning_rate,
    training.warmup_ratio,
    totalSteps,
  );
  const pairs = await unlessStopped(
    signal,
    async () => given.start?.(signal) ?? { train: given.examples, heldOut: given.heldOut },
  );
  if (pairs === STOPPED) return { steps: 0, totalSteps, stopped: true };
  const options = { ...given, examples: pairs.train, heldOut: pairs.heldOut };
  const context = {
    ...options,
    seed: training.seed,
    weightDecay: training.weight_decay,
    maxGradNorm: training.max_grad_norm,
  };
  let tokenBudget = training.micro_batch_tokens ?? trainer.microBatchTokens;
  let skippedInARow = 0;

  const steps = createStepRunner(context);
  fitWeights(options);
  const start = await unlessStopped(signal, () => options.evaluate(signal));
  if (start === STOPPED) return { steps: 0, totalSteps, stopped: true };
  yield { type: 'evaluation', step: 0, epoch: 0, evaluation: start };
  try {
    for (let step = 1; step <= totalSteps; step++) {
      if (signal?.aborted === true) return { steps: step - 1, totalSteps, stopped: true };
      const started = performance.now();
      const now = plan.step(step);
      const learningRate = learningRateAt(schedule, step);
      const evaluationDue = isEvaluationDue(now, totalSteps, training.eval_steps);
      const reward = await unlessStopped(signal, () => startReward(options, training.seed, step, signal));
      if (reward === STOPPED) return { steps: step - 1, totalSteps, stopped: true };
      const next = evaluationDue || reward !== undefined ? undefined : plan.step(step + 1);
      const outcome = await steps.run({ plan: now, learningRate, tokenBudget, next });
      await unlessStopped(signal, async () => reward?.());
      if (outcome.tokenBudget < tokenBudget) {
        tokenBudget = outcome.tokenBudget;
        yield { type: 'smaller_micro_batches', step, tokenBudget };
      }
      yield stepEvent(now, totalSteps, learningRate, outcome, (performance.now() - started) / 1000);
      skippedInARow = outcome.commit.skipped ? skippedInARow + 1 : 0;
      if (skippedInARow === MAX_SKIPPED_IN_A_ROW) throw diverged(step);
      if (evaluationDue) {
        const evaluation = await unlessStopped(signal, () => options.evaluate(signal));
        if (evaluation === STOPPED) return { steps: step, totalSteps, stopped: true };
        yield { type: 'evaluation', step, epoch: now.epoch, evaluation };
      }
    }
    return { steps: totalSteps, totalSteps, stopped: false };
  } finally {
    await steps.end();
  }
}

const STOPPED = Symbol('stopped');

/** Work that changes no weights may end anywhere when the signal fires. */
async function unlessStopped<T>(signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T | typeof STOPPED> {
  try {
    return await work();
  } catch (thrown) {
    if (signal?.aborted === true) return STOPPED;
    throw thrown;
  }
}

function isEvaluationDue(plan: StepPlan, totalSteps: number, every: number | undefined): boolean {
  if (plan.step === totalSteps) return true;
  return every === undefined ? plan.endsEpoch : plan.step % every === 0;
}

function stepEvent(
  plan: StepPlan,
  totalSteps: number,
  learningRate: number,
  outcome: StepOutcome,
  seconds: number,
): StepEvent {
  const { measures, commit, microBatches, tokens } = outcome;
  return {
    type: 'step',
    step: plan.step,
    totalSteps,
    epoch: plan.epoch,
    measures,
    learningRate,
    gradNorm: commit.gradNorm,
    skipped: commit.skipped,
    pairs: plan.indices.length,
    tokens,
    microBatches,
    seconds,
    peakMemoryBytes: commit.peakMemoryBytes,
  };
}

function diverged(step: number): MrpoError {
  return new MrpoError(
    'data',
    `step ${step}: the gradient was not finite in ${MAX_SKIPPED_IN_A_ROW} steps in a row; training has diverged`,
    {
      hint: 'Lower training.learning_rate, or set policy.dtype to float32.',
    },
  );
}
