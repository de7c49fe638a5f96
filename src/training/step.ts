/**
 * Optimizer steps: forward, loss and gradient in TypeScript, backward, for each micro-batch; then one commit that names
 * them all. Only the log-probs are waited for: backward, the next forward and the commit are queued behind each other,
 * across steps too, so the backend always finds its next frame waiting. Running out of memory drops the step, halves the
 * micro-batches and starts it again: the loss is a sum over pairs and each pair's share is divided by the step's number
 * of pairs, so the gradient stays the same.
 */
import type { CommitResult, ForwardResult, Trainer } from '../backend/backend.js';
import { BackendFault } from '../backend/fault.js';
import { MrpoError } from '../core/errors.js';
import type { Objective, ObjectiveResult, PairBatch } from '../objectives/objective.js';
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
  /** Fired: no further step follows, so nothing is queued for one. */
  readonly signal?: AbortSignal | undefined;
}

export interface StepRequest {
  readonly plan: StepPlan;
  readonly learningRate: number;
  /** Tokens per forward pass. */
  readonly tokenBudget: number;
  /** The step that follows with nothing in between; its first forward is queued behind this step's commit. */
  readonly next?: StepPlan | undefined;
}

export interface StepOutcome {
  readonly measures: Measures;
  readonly commit: CommitResult;
  readonly microBatches: number;
  readonly tokens: number;
  /** Smaller than asked for when the step ran out of memory on the way. */
  readonly tokenBudget: number;
}

export interface StepRunner {
  /**
   * Runs one step. After an error nothing of it has been applied.
   * @throws MrpoError `data` for a log-prob that is not finite (names the row); `backend` if one pair alone does not fit.
   */
  run(request: StepRequest): Promise<StepOutcome>;
  /** Drops what was sent ahead for a step that does not come. */
  end(): Promise<void>;
}

/** A forward that has been sent and not been used. */
interface SentForward {
  readonly step: number;
  readonly members: readonly number[];
  readonly result: Promise<ForwardResult>;
}

export function createStepRunner(context: StepContext): StepRunner {
  const { trainer, objective, examples, seed } = context;
  const tokensOf = (index: number): number => pairTokens(examples, index);
  let ahead: SentForward | undefined;

  const sendForward = (step: number, microBatch: number, members: readonly number[]): SentForward => ({
    step,
    members,
    result: inFlight(
      trainer.forward({
        step,
        microBatch,
        rows: rowsOf(examples, members),
        seed: seedFor(seed, 'dropout', step, members[0] ?? 0),
      }),
    ),
  });

  /** The forward that the step before has sent for these pairs, or a new one. */
  async function firstForward(step: number, members: readonly number[]): Promise<SentForward> {
    const sent = ahead;
    if (sent?.step === step && sameNumbers(sent.members, members)) {
      ahead = undefined;
      return sent;
    }
    await end();
    return sendForward(step, 0, members);
  }

  async function end(): Promise<void> {
    const sent = ahead;
    ahead = undefined;
    if (sent !== undefined) await dropStep(trainer, sent.step);
  }

  async function attempt(
    { plan, learningRate, next }: StepRequest,
    microBatches: readonly (readonly number[])[],
    tokenBudget: number,
  ): Promise<StepOutcome> {
    const { step, indices } = plan;
    const evaluated: (readonly [PairBatch, ObjectiveResult])[] = [];
    const placeOf = new Map(indices.map((index, place) => [index, place]));
    const logps = new Map<number, readonly [number, number]>();
    let forward = await firstForward(step, microBatches[0] ?? []);
    let added: Promise<unknown> = Promise.resolve();
    for (const [microBatch, members] of microBatches.entries()) {
      await added; // answered before the forward behind it; its failure is the one to tell
      const result = await forward.result;
      const batch = {
        ...batchOf(examples, members, everySecond(result.logps, 0), everySecond(result.logps, 1)),
        positions: Int32Array.from(members, (index) => placeOf.get(index) ?? 0),
      };
      members.forEach((index, i) => {
        const pair = [batch.policy.chosen.logps[i] ?? NaN, batch.policy.rejected.logps[i] ?? NaN] as const;
        requireFinite(examples.names[index] ?? `row ${index}`, 'the policy', ...pair);
        logps.set(index, pair);
      });
      const loss = objective.evaluate(batch);
      evaluated.push([batch, loss]);
      const gradients = interleavedMean(loss.gradChosen, loss.gradRejected, indices.length);
      added = inFlight(trainer.backward(step, microBatch, gradients));
      const following = microBatches[microBatch + 1];
      if (following !== undefined) forward = sendForward(step, microBatch + 1, following);
    }
    const { weightDecay, maxGradNorm } = context;
    const committed = inFlight(
      trainer.commit({ step, microBatches: [...microBatches.keys()], learningRate, weightDecay, maxGradNorm }),
    );
    const first = next && packMicroBatches(next.indices, tokensOf, tokenBudget)[0];
    if (next && first && context.signal?.aborted !== true) ahead = sendForward(next.step, 0, first);
    const measures = createMeasureSums(context.referenceNames);
    for (const [batch, loss] of evaluated) measures.add(batch, loss); // while the backend is at work
    await added;
    const commit = await committed;
    objective.observe?.(batchOf(examples, indices, side(logps, indices, 0), side(logps, indices, 1)));
    const tokens = sum(indices, tokensOf);
    return { measures: measures.means(), commit, microBatches: microBatches.length, tokens, tokenBudget };
  }

  return {
    end,
    async run(request) {
      let { tokenBudget } = request;
      for (;;) {
        const microBatches = packMicroBatches(request.plan.indices, tokensOf, tokenBudget);
        try {
          return await attempt(request, microBatches, tokenBudget);
        } catch (thrown) {
          ahead = undefined; // sent behind a commit that was refused, so it was refused too
          await dropStep(trainer, request.plan.step);
          if (!isOutOfMemory(thrown)) throw thrown;
          if (microBatches.every((rows) => rows.length === 1)) throw onePairTooLarge(examples, microBatches, thrown);
          tokenBudget = Math.floor(Math.max(...microBatches.map((rows) => sum(rows, tokensOf))) / 2);
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

const sameNumbers = (left: readonly number[], right: readonly number[]): boolean =>
  left.length === right.length && left.every((value, i) => value === right[i]);

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
