/**
 * Optimizer steps: forward, loss and gradient in TypeScript, backward, for each micro-batch; then one commit that names
 * them all. Only log-probs are waited for, and where memory allows two forwards at once the device works on one while the
 * gradient of the other is on its way; backward, commit and the forwards of the next step are queued behind each other.
 * Running out of memory drops the step and starts it again after a moment, then with half of what was in memory together: the
 * loss is a sum over pairs and each pair's share is divided by the step's number of pairs, so the gradient stays the same.
 * When the stream to the trainer breaks off, the step is sent again, or its answer fetched if it was applied already.
 */
import type { CommitResult, Trainer } from '../backend/backend.js';
import { BackendFault } from '../backend/fault.js';
import { MrpoError } from '../core/errors.js';
import { largest } from '../core/extremes.js';
import { SIDES, eachSide, type Sides } from '../core/sides.js';
import type { Objective, ObjectiveResult, PairBatch } from '../objectives/objective.js';
import { splitStep, type StepPlan } from './batches.js';
import { isConnectionLost, pauseFor, reopenTrainer, type SayConnection } from './lost-connection.js';
import { batchOf, pairTokens, type Examples } from './examples.js';
import { requireFinite } from './finite.js';
import { createForwardWindow, tokensTogether } from './forward-window.js';
import { createMetricSums, type Metrics } from '../objectives/metrics.js';
import { atStart } from './policy-start.js';
import { seedFor } from './seeds.js';

/** What is the same for all steps of a run. */
export interface StepContext {
  readonly trainer: Trainer;
  readonly objective: Objective;
  readonly examples: Examples;
  readonly referenceNames: readonly string[];
  /** Which references are the policy as it starts. */
  readonly policyReferences?: readonly number[] | undefined;
  /** Of the run; every step gets its own seed for dropout, and each pair its own masks from it. */
  readonly seed: number;
  readonly weightDecay: number;
  readonly maxGradNorm: number;
  /** Tokens from which a forward is at full speed. Default: the trainer's advice. */
  readonly saturatingTokens?: number | undefined;
  readonly sayConnection?: SayConnection | undefined;
  /** Fired: no further step follows, so nothing is queued for one. */
  readonly signal?: AbortSignal | undefined;
}

/** One step. */
export interface StepRequest {
  readonly plan: StepPlan;
  readonly learningRate: number;
  /** Tokens whose graphs may be on the device together. */
  readonly tokenBudget: number;
  /** The step that follows with nothing in between; its first forwards are queued behind this step's commit. */
  readonly next?: StepPlan | undefined;
}

/** What a step measured and changed. */
export interface StepOutcome {
  /** Of the step's pairs before the update. */
  readonly measures: Metrics;
  readonly commit: CommitResult;
  /** Number of forward passes. */
  readonly microBatches: number;
  /** Prompt + chosen + rejected tokens of the step's pairs. */
  readonly tokens: number;
  /** That the backend worked on it: the rest of the step's time went into the seam and the loss. */
  readonly deviceSeconds: number;
  /** Smaller than asked for when the step ran out of memory on the way. */
  readonly tokenBudget: number;
}

/** Runs the steps of a training, one after the other. */
export interface StepRunner {
  /**
   * Runs one step. After an error nothing of it has been applied.
   * @throws MrpoError `data` for a log-prob that is not finite (names the row); `backend` if one pair alone does not fit.
   */
  run(request: StepRequest): Promise<StepOutcome>;
  /** Drops what was sent ahead for a step that does not come. */
  end(): Promise<void>;
}

/** Pauses before a step that ran out of memory is tried again as it was. */
const MOMENTS_MS = [200, 400, 800];
/** Of one step; a stream that breaks off more often says that something else is wrong. */
const MOST_RECONNECTIONS = 5;

/** Nothing is sent before the first `run`. */
export function createStepRunner(context: StepContext): StepRunner {
  const { trainer, objective, examples, seed } = context;
  const waiting = { signal: context.signal, say: context.sayConnection };
  const tokensOf = (index: number): number => pairTokens(examples, index);
  const window = createForwardWindow(
    (step, microBatch, members) =>
      inFlight(
        trainer.forward({
          step,
          microBatch,
          rows: rowsOf(examples, members),
          seed: seedFor(seed, 'dropout', step),
        }),
      ),
    tokensOf,
  );

  async function end(): Promise<void> {
    const step = window.clear();
    if (step !== undefined) await dropStep(trainer, step);
  }

  const splitOf = ({ indices }: StepPlan, tokenBudget: number): readonly (readonly number[])[] =>
    splitStep(indices, tokensOf, tokenBudget, context.saturatingTokens ?? trainer.saturatingTokens);

  function batchNow(step: number, members: readonly number[], policy: Sides<Float64Array>): PairBatch {
    const batch = batchOf(examples, members, policy);
    return step === 1 ? atStart(batch, context.policyReferences ?? []) : batch;
  }

  async function attempt(
    { plan, learningRate, next }: StepRequest,
    microBatches: readonly (readonly number[])[],
    tokenBudget: number,
  ): Promise<StepOutcome> {
    const { step, indices } = plan;
    const evaluated: (readonly [PairBatch, ObjectiveResult])[] = [];
    const placeOf = new Map(indices.map((index, place) => [index, place]));
    const logps = eachSide(() => new Float64Array(indices.length).fill(NaN)); // of the whole step, in its order
    if (!window.isFor(step, microBatches)) await end();
    const queued = createQueuedCalls();
    let deviceSeconds = 0;
    for (const [microBatch, members] of microBatches.entries()) {
      window.fill(step, microBatches, microBatch, tokenBudget);
      const result = await queued.wait(window.take());
      deviceSeconds += result.seconds;
      const batch = {
        ...batchNow(step, members, result.logps),
        positions: Int32Array.from(members, (index) => placeOf.get(index) ?? 0),
      };
      members.forEach((index, i) => {
        const pair = eachSide((side) => result.logps[side][i] ?? NaN);
        requireFinite(examples.names[index] ?? `row ${index}`, 'the policy', pair);
        for (const side of SIDES) logps[side][placeOf.get(index) ?? -1] = pair[side];
      });
      const loss = objective.evaluate(batch);
      evaluated.push([batch, loss]);
      // The gradient of the mean over the step's pairs: the backend never divides.
      const gradients = eachSide((side) => loss.gradients[side].map((gradient) => gradient / indices.length));
      queued.add(trainer.backward(step, microBatch, gradients).then(({ seconds }) => void (deviceSeconds += seconds)));
      window.release();
    }
    const { weightDecay, maxGradNorm } = context;
    const committed = inFlight(
      trainer.commit({ step, microBatches: [...microBatches.keys()], learningRate, weightDecay, maxGradNorm }),
    );
    if (next && context.signal?.aborted !== true) window.fill(next.step, splitOf(next, tokenBudget), 0, tokenBudget);
    const measures = createMetricSums(context.referenceNames);
    for (const [batch, loss] of evaluated) measures.add(batch, loss); // while the backend is at work
    const commit = await queued.wait(committed).catch((thrown: unknown) => answerOf(step, thrown));
    objective.observe?.(batchNow(step, indices, logps));
    const tokens = sum(indices, tokensOf);
    deviceSeconds += commit.seconds;
    return {
      measures: measures.means(),
      commit,
      microBatches: microBatches.length,
      tokens,
      deviceSeconds,
      tokenBudget,
    };
  }

  /** The answer of a commit that was lost on its way, if the commit was not. */
  async function answerOf(step: number, thrown: unknown): Promise<CommitResult> {
    if (!isConnectionLost(thrown)) throw thrown;
    window.clear();
    const { committedStep, lastCommit } = await reopenTrainer(trainer, thrown, waiting);
    if (committedStep === step && lastCommit !== undefined) return lastCommit;
    throw thrown;
  }

  return {
    end,
    async run(request) {
      let { tokenBudget } = request;
      let [momentsLeft, reconnectionsLeft] = [MOMENTS_MS.length, MOST_RECONNECTIONS];
      for (;;) {
        const microBatches = splitOf(request.plan, tokenBudget);
        try {
          return await attempt(request, microBatches, tokenBudget);
        } catch (thrown) {
          window.clear(); // of this step, dropped below; of the next one, refused behind a commit that was refused
          if (isConnectionLost(thrown) && (reconnectionsLeft -= 1) >= 0) {
            const { committedStep } = await reopenTrainer(trainer, thrown, waiting);
            if (committedStep === request.plan.step - 1) continue;
            throw thrown; // another client has gone on with it
          }
          await dropStep(trainer, request.plan.step);
          if (!isOutOfMemory(thrown)) throw thrown;
          const tokens = microBatches.map((members) => sum(members, tokensOf));
          const together = tokensTogether(tokens, tokenBudget);
          const onePair = microBatches.every((members) => members.length === 1) && together === largest(tokens);
          // Another process may have had the memory for a moment: the same again, once, or while nothing else is left.
          if (momentsLeft > 0 && (onePair || momentsLeft === MOMENTS_MS.length)) {
            await pauseFor(MOMENTS_MS[MOMENTS_MS.length - momentsLeft] ?? 0);
            momentsLeft -= 1;
            continue;
          }
          if (onePair) throw onePairTooLarge(examples, microBatches, thrown);
          tokenBudget = Math.floor(Math.min(tokenBudget, together) / 2);
        }
      }
    },
  };
}

/** A call whose failure is looked at later, or not at all when an earlier one has failed. */
function inFlight<T>(call: Promise<T>): Promise<T> {
  call.catch(() => undefined);
  return call;
}

/** Calls that nobody waits for one by one. */
interface QueuedCalls {
  add(call: Promise<unknown>): void;
  /**
   * Waits for a call that was made after or before them. As calls are answered in order, a queued one that has failed by
   * then failed first, and its failure is the one to report.
   */
  wait<T>(call: Promise<T>): Promise<T>;
}

function createQueuedCalls(): QueuedCalls {
  let failure: { readonly thrown: unknown } | undefined;
  const tell = (): void => {
    if (failure !== undefined) throw failure.thrown;
  };
  return {
    add: (call) => void call.catch((thrown: unknown) => (failure ??= { thrown })),
    async wait(call) {
      tell();
      try {
        return await call;
      } finally {
        tell();
      }
    },
  };
}

const rowsOf = (examples: Examples, indices: readonly number[]): number[] =>
  indices.map((index) => examples.rows[index] ?? -1);

const sum = (items: readonly number[], valueOf: (item: number) => number): number =>
  items.reduce((total, item) => total + valueOf(item), 0);

const isOutOfMemory = (thrown: unknown): boolean => thrown instanceof BackendFault && thrown.reason === 'out_of_memory';

/** Frees what the step holds. A backend that is gone cannot drop anything, and the first error is the one that matters. */
async function dropStep(trainer: Trainer, step: number): Promise<void> {
  await trainer.abort(step).catch(() => undefined);
}

function onePairTooLarge(examples: Examples, microBatches: readonly (readonly number[])[], cause: unknown): MrpoError {
  const longest = microBatches[0]?.[0] ?? 0;
  return new MrpoError(
    'backend',
    `out of memory with one pair at a time; the longest of this step, ${examples.names[longest]}, has ${pairTokens(examples, longest)} tokens`,
    {
      cause,
      hint: 'Lower data.max_length, set policy.gradient_checkpointing to full, or quantise the policy (policy.quantization: nf4).',
    },
  );
}
