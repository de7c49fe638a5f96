/**
 * One optimizer step: forward, loss and gradient in TypeScript, backward, for each micro-batch; then one commit that
 * names them all. Running out of memory drops the step, halves the micro-batches and starts it again: the loss is a
 * sum over pairs and each pair's share is divided by the step's number of pairs, so the gradient stays the same.
 */
import type { CommitResult, Trainer } from '../backend/backend.js';
import { BackendFault } from '../backend/fault.js';
import { MrpoError } from '../core/errors.js';
import type { Objective } from '../objectives/objective.js';
import { packMicroBatches, type StepPlan } from './batches.js';
import { batchOf, pairTokens, type Examples } from './examples.js';
import { requireFinite } from './finite.js';
import { createMeasureSums, type Measures } from './measures.js';
import { seedFor } from './seeds.js';

export interface StepContext {
  readonly trainer: Trainer;
  readonly objective: Objective;
  readonly examples: Examples;
  readonly referenceNames: readonly string[];
  /** Of the run; every micro-batch gets its own seed for dropout, from the step and its first pair. */
  readonly seed: number;
  readonly weightDecay: number;
  readonly maxGradNorm: number;
}

export interface StepRequest {
  readonly plan: StepPlan;
  readonly learningRate: number;
  /** Tokens per forward pass. */
  readonly tokenBudget: number;
  /** Pairs of the next step's first forward pass, for the backend's look-ahead. */
  readonly upcoming: readonly number[];
}

export interface StepOutcome {
  readonly measures: Measures;
  readonly commit: CommitResult;
  readonly microBatches: number;
  readonly tokens: number;
  /** Smaller than asked for when the step ran out of memory on the way. */
  readonly tokenBudget: number;
}

/**
 * Runs one step. After an error nothing of it has been applied.
 * @throws MrpoError `data` for a log-prob that is not finite (names the row); `backend` if one pair alone does not fit.
 */
export async function runStep(context: StepContext, request: StepRequest): Promise<StepOutcome> {
  const tokensOf = (index: number): number => pairTokens(context.examples, index);
  let { tokenBudget } = request;
  for (;;) {
    const microBatches = packMicroBatches(request.plan.indices, tokensOf, tokenBudget);
    try {
      return { ...(await attempt(context, request, microBatches)), tokenBudget };
    } catch (thrown) {
      await dropStep(context.trainer, request.plan.step);
      if (!isOutOfMemory(thrown)) throw thrown;
      if (microBatches.every((rows) => rows.length === 1))
        throw onePairTooLarge(context.examples, microBatches, thrown);
      tokenBudget = Math.floor(Math.max(...microBatches.map((rows) => sum(rows, tokensOf))) / 2);
    }
  }
}

async function attempt(
  context: StepContext,
  { plan, learningRate, upcoming }: StepRequest,
  microBatches: readonly (readonly number[])[],
): Promise<Omit<StepOutcome, 'tokenBudget'>> {
  const { trainer, objective, examples } = context;
  const { step, indices } = plan;
  const measures = createMeasureSums(context.referenceNames);
  const placeOf = new Map(indices.map((index, place) => [index, place]));
  const logps = new Map<number, readonly [number, number]>();
  for (const [microBatch, members] of microBatches.entries()) {
    const rows = rowsOf(examples, members);
    const forward = await trainer.forward({
      step,
      microBatch,
      rows,
      seed: seedFor(context.seed, 'dropout', step, members[0] ?? 0),
    });
    const batch = {
      ...batchOf(examples, members, everySecond(forward.logps, 0), everySecond(forward.logps, 1)),
      positions: Int32Array.from(members, (index) => placeOf.get(index) ?? 0),
    };
    members.forEach((index, i) => {
      const pair = [batch.policy.chosen.logps[i] ?? NaN, batch.policy.rejected.logps[i] ?? NaN] as const;
      requireFinite(examples.names[index] ?? `row ${index}`, 'the policy', ...pair);
      logps.set(index, pair);
    });
    const result = objective.evaluate(batch);
    measures.add(batch, result);
    const done = trainer.backward(
      step,
      microBatch,
      interleavedMean(result.gradChosen, result.gradRejected, indices.length),
    );
    // Sent behind the backward pass: a GPU works on that while the next rows are laid out and moved.
    const next = microBatches[microBatch + 1] ?? upcoming;
    if (next.length > 0) trainer.prepare(rowsOf(examples, next));
    await done;
  }
  const { weightDecay, maxGradNorm } = context;
  const commit = await trainer.commit({
    step,
    microBatches: [...microBatches.keys()],
    learningRate,
    weightDecay,
    maxGradNorm,
  });
  objective.observe?.(batchOf(examples, indices, side(logps, indices, 0), side(logps, indices, 1)));
  const tokens = sum(indices, (index) => pairTokens(examples, index));
  return { measures: measures.means(), commit, microBatches: microBatches.length, tokens };
}

/** `chosen` and `rejected` gradients of a micro-batch in the order of its log-probs, each divided by the step's pairs. */
function interleavedMean(chosen: Float64Array, rejected: Float64Array, pairs: number): Float64Array {
  const gradients = new Float64Array(2 * chosen.length);
  for (let i = 0; i < chosen.length; i++) {
    gradients[2 * i] = (chosen[i] ?? NaN) / pairs;
    gradients[2 * i + 1] = (rejected[i] ?? NaN) / pairs;
  }
  return gradients;
}

const everySecond = (values: Float64Array, start: 0 | 1): Float64Array => values.filter((_, i) => i % 2 === start);

const side = (
  logps: ReadonlyMap<number, readonly [number, number]>,
  indices: readonly number[],
  which: 0 | 1,
): Float64Array => Float64Array.from(indices, (index) => logps.get(index)?.[which] ?? NaN);

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
