/**
 * The training loop, from the evaluation before the first update to the one after the last. It yields what happens and
 * writes nothing: whoever iterates decides what to show, what to keep and whether to go on. Between two steps nothing is
 * under way that changes the policy or the objective, so that is where a state can be kept and training be resumed.
 */
import type { Trainer } from '../backend/backend.js';
import { rhythmOf, type Rhythm } from '../config/duration.js';
import type { RunConfig } from '../config/schema.js';
import { MrpoError } from '../core/errors.js';
import { NEVER_SATURATED, type StepPlan } from './batches.js';
import { planCourse } from './course.js';
import type { Evaluation } from './evaluate.js';
import type { Examples } from './examples.js';
import { fitWeights, startReward, type LearningContext } from './learning-weights.js';
import type { SayConnection } from './lost-connection.js';
import type { Metrics } from '../objectives/metrics.js';
import type { TrainingState } from './state.js';
import { createStepRunner, type StepOutcome } from './step.js';
import { budgetAfterStep, startBudget } from './token-budget.js';

/** What is trained, on which pairs, with which settings. */
export interface TrainingOptions extends LearningContext {
  readonly trainer: Trainer;
  readonly examples: Examples;
  readonly referenceNames: readonly string[];
  /** Which references are the policy as it starts. */
  readonly policyReferences?: readonly number[] | undefined;
  readonly training: RunConfig['training'];
  /** Called first: the pairs with the log-probs of the policy's own start in force, see policy-start.ts. */
  readonly start?: ((signal: AbortSignal | undefined) => Promise<StartingPairs>) | undefined;
  /** Go on from here, with a trainer and an objective that are in the same state. Default: from the start. */
  readonly resume?: TrainingState | undefined;
  /** The schedule's learning rate is multiplied by it. Default 1. */
  readonly rateFactor?: number | undefined;
  readonly sayConnection?: SayConnection | undefined;
  /** Fired: training ends at the next step boundary, without a last evaluation. */
  readonly signal?: AbortSignal | undefined;
}

/** Pairs with their reference log-probs, training and held-out. */
export interface StartingPairs {
  readonly train: Examples;
  readonly heldOut: Examples;
}

/** One optimizer step, after its update. */
export interface StepEvent {
  readonly type: 'step';
  /** From 1. */
  readonly step: number;
  readonly totalSteps: number;
  /** Passes over the data after this step: 0.25, 0.5, ... */
  readonly epoch: number;
  /** Of the step's pairs before the update. */
  readonly measures: Metrics;
  readonly learningRate: number;
  /** Before clipping. */
  readonly gradNorm: number;
  /** The gradient was not finite and the step changed nothing. */
  readonly skipped: boolean;
  /** Number of the step's pairs. */
  readonly pairs: number;
  /** Prompt + chosen + rejected tokens of the step's pairs. */
  readonly tokens: number;
  /** Number of forward passes. */
  readonly microBatches: number;
  /** From the step's beginning to its answer. */
  readonly seconds: number;
  /** Of these, that the backend worked; what it did ahead for this step counts here too. */
  readonly deviceSeconds: number;
  /** Highest use of the device's memory so far, in bytes. */
  readonly peakMemoryBytes: number;
}

/**
 * What happens in a training. A new one begins with an evaluation; then for each step `smaller_micro_batches` if memory ran out,
 * `step`, `evaluation` if one is due, and `boundary`.
 */
export type TrainingEvent =
  | StepEvent
  | { readonly type: 'evaluation'; readonly step: number; readonly epoch: number; readonly evaluation: Evaluation }
  /** The step ran out of memory and was done again in smaller pieces; later steps keep them for a while. */
  | { readonly type: 'smaller_micro_batches'; readonly step: number; readonly tokenBudget: number }
  /** A step is over with all that belongs to it; the answer says how to go on. Training that is resumed begins with one. */
  | { readonly type: 'boundary'; readonly step: number; readonly state: TrainingState }
  /** Training fails after step `step`; what the trainer has learnt until then can still be kept. */
  | { readonly type: 'failing'; readonly step: number; readonly state: TrainingState; readonly thrown: unknown };

/** What is answered to a `boundary`: end here, with a last evaluation; else go on. */
export type BoundaryAnswer = 'finish' | undefined;

/** The events of a training. Whoever iterates answers each `boundary` and gets the end as return value. */
export type Training = AsyncGenerator<TrainingEvent, TrainingEnd, BoundaryAnswer>;

/** How training ended. */
export interface TrainingEnd {
  readonly steps: number;
  readonly totalSteps: number;
  /** By the signal. */
  readonly stopped: boolean;
  /** At the last step boundary. */
  readonly state: TrainingState;
}

/** Training that a smaller learning rate may save. */
export class DivergenceError extends MrpoError {}

/** Stop after this many consecutive non-finite gradients. */
const MAX_SKIPPED_IN_A_ROW = 5;

/** Trains; the generator's return value says how it ended. */
export async function* trainPolicy(given: TrainingOptions): Training {
  const { training, trainer, objective, resume, signal } = given;
  const plan = planCourse(training, given.examples.size);
  const { totalSteps } = plan;
  const pairs = await unlessStopped(
    signal,
    async () => given.start?.(signal) ?? { train: given.examples, heldOut: given.heldOut },
  );
  const options = pairs === STOPPED ? given : { ...given, examples: pairs.train, heldOut: pairs.heldOut };
  const saturatingTokens =
    resume?.saturatingTokens ?? (training.deterministic ? NEVER_SATURATED : trainer.saturatingTokens);
  const steps = createStepRunner({
    ...options,
    seed: training.seed,
    weightDecay: training.weight_decay,
    maxGradNorm: training.max_grad_norm,
    saturatingTokens,
  });
  let tokenBudget = resume?.tokenBudget ?? startBudget(training.micro_batch_tokens ?? trainer.microBatchTokens);
  let skippedInARow = resume?.skippedInARow ?? 0;
  let [done, evaluatedStep] = [0, -1];
  if (resume !== undefined) {
    done = resume.step;
    if (resume.evaluated) evaluatedStep = done;
    objective.restore?.(resume.objective);
  } else if (pairs !== STOPPED) {
    fitWeights(options);
  }
  let evaluatedAt = performance.now() - 1000 * (resume?.secondsSinceEvaluation ?? 0);
  const state = (): TrainingState => ({
    step: done,
    evaluated: evaluatedStep === done,
    secondsSinceEvaluation: (performance.now() - evaluatedAt) / 1000,
    tokenBudget,
    saturatingTokens,
    skippedInARow,
    objective: objective.state?.(),
  });
  const end = (stopped: boolean): TrainingEnd => ({ steps: done, totalSteps, stopped, state: state() });
  const rhythm = training.eval_steps === undefined ? undefined : rhythmOf(training.eval_steps);
  if (pairs === STOPPED) return end(true);
  const isDue = (step: number): boolean =>
    step === 0 || isEvaluationDue(plan.step(step), totalSteps, rhythm, (performance.now() - evaluatedAt) / 1000);

  async function* evaluateNow(): AsyncGenerator<TrainingEvent, boolean, BoundaryAnswer> {
    const evaluation = await unlessStopped(signal, () => options.evaluate(signal));
    if (evaluation === STOPPED) return false;
    [evaluatedStep, evaluatedAt] = [done, performance.now()];
    yield { type: 'evaluation', step: done, epoch: done / plan.stepsPerEpoch, evaluation };
    return true;
  }

  try {
    // What a run that was stopped between a step and its evaluation still owes, or the evaluation before the first step.
    if (evaluatedStep !== done && isDue(done) && !(yield* evaluateNow())) return end(true);
    for (;;) {
      if (done > 0 && (yield { type: 'boundary', step: done, state: state() }) === 'finish') {
        await steps.end();
        return end(evaluatedStep !== done && !(yield* evaluateNow()));
      }
      if (done >= totalSteps) return end(false);
      if (signal?.aborted === true) return end(true);
      const started = performance.now();
      const step = done + 1;
      const now = plan.step(step);
      const learningRate = plan.learningRate(step) * (options.rateFactor ?? 1);
      const reward = await unlessStopped(signal, () => startReward(options, training.seed, step, signal));
      if (reward === STOPPED) return end(true);
      const evaluationDue = isDue(step);
      const next = evaluationDue || reward !== undefined ? undefined : plan.step(step + 1);
      const outcome = await steps.run({ plan: now, learningRate, tokenBudget: tokenBudget.tokens, next });
      await reward?.(); // belongs to the step: without it a stop would forget what the weights learn from it
      done = step;
      if (outcome.tokenBudget < tokenBudget.tokens) {
        yield { type: 'smaller_micro_batches', step, tokenBudget: outcome.tokenBudget };
      }
      tokenBudget = budgetAfterStep(tokenBudget, outcome.tokenBudget);
      skippedInARow = outcome.commit.skipped ? skippedInARow + 1 : 0;
      yield stepEvent(now, totalSteps, learningRate, outcome, (performance.now() - started) / 1000);
      if (skippedInARow === MAX_SKIPPED_IN_A_ROW) throw diverged(step);
      if (evaluationDue) yield* evaluateNow();
    }
  } catch (thrown) {
    await steps.end();
    if (done > 0) yield { type: 'failing', step: done, state: state(), thrown };
    throw thrown;
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

function isEvaluationDue(plan: StepPlan, totalSteps: number, every: Rhythm | undefined, sinceLast: number): boolean {
  if (plan.step === totalSteps) return true;
  if (every === undefined) return plan.endsEpoch;
  return 'steps' in every ? plan.step % every.steps === 0 : sinceLast >= every.seconds;
}

function stepEvent(
  plan: StepPlan,
  totalSteps: number,
  learningRate: number,
  outcome: StepOutcome,
  seconds: number,
): StepEvent {
  const { measures, commit, microBatches, tokens, deviceSeconds } = outcome;
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
    deviceSeconds,
    peakMemoryBytes: commit.peakMemoryBytes,
  };
}

function diverged(step: number): MrpoError {
  return new DivergenceError(
    'data',
    `step ${step}: the gradient was not finite in ${MAX_SKIPPED_IN_A_ROW} steps in a row; training has diverged`,
    {
      hint: 'Lower training.learning_rate, or set policy.dtype to float32.',
    },
  );
}
