/**
 * Which pairs each optimizer step sees, and how a step is cut into forward passes. The first is part of the result
 * (a seeded order per epoch); the second is only a matter of memory and changes no gradient.
 */
import { largest } from '../core/extremes.js';
import { seededRandom } from '../core/random.js';
import { seedFor } from './seeds.js';

/** The pairs of one optimizer step. */
export interface StepPlan {
  /** From 1. */
  readonly step: number;
  /** Passes over the data after this step: 0.25, 0.5, ... */
  readonly epoch: number;
  /** Pairs of this step, as indices of the training examples. The last step of an epoch may have fewer than the others. */
  readonly indices: readonly number[];
  readonly endsEpoch: boolean;
}

/** All steps of a run. */
export interface TrainingPlan {
  readonly totalSteps: number;
  readonly stepsPerEpoch: number;
  /** The plan of a step from 1 to `totalSteps`. */
  step(step: number): StepPlan;
}

/** What the order of the pairs follows from; the same options give the same plan. */
export interface PlanOptions {
  /** Number of training pairs. */
  readonly pairs: number;
  /** Pairs per step. */
  readonly batchSize: number;
  /** May be a fraction: 0.5 = half a pass. */
  readonly epochs: number;
  /** Ends the plan early. Default: no limit. */
  readonly maxSteps?: number | undefined;
  readonly seed: number;
}

/** The whole run's steps. A step is made when asked for, so a plan costs one epoch's order and no more. */
export function planTraining(options: PlanOptions): TrainingPlan {
  const { pairs, batchSize, epochs, seed } = options;
  const stepsPerEpoch = Math.ceil(pairs / batchSize);
  const totalSteps = Math.min(Math.ceil(epochs * stepsPerEpoch), options.maxSteps ?? Infinity);
  let known = { epoch: -1, order: [] as readonly number[] };
  const orderOf = (epoch: number): readonly number[] => {
    if (known.epoch !== epoch) known = { epoch, order: epochOrder(pairs, seed, epoch) };
    return known.order;
  };
  return {
    totalSteps,
    stepsPerEpoch,
    step(step) {
      const [epoch, within] = [Math.floor((step - 1) / stepsPerEpoch), (step - 1) % stepsPerEpoch];
      return {
        step,
        epoch: step / stepsPerEpoch,
        indices: orderOf(epoch).slice(within * batchSize, (within + 1) * batchSize),
        endsEpoch: within === stepsPerEpoch - 1,
      };
    },
  };
}

/** Order of the pairs in one epoch: it depends on the seed and the epoch only. */
export function epochOrder(pairs: number, seed: number, epoch: number): readonly number[] {
  return seededRandom(seedFor(seed, 'order', epoch)).shuffle(Array.from({ length: pairs }, (_, index) => index));
}

/** In place of a device's `saturating` where a step must be cut the same way on every start. */
export const NEVER_SATURATED = Number.MAX_SAFE_INTEGER;

/**
 * The forward passes of a step: such that the device holds two at once, if smaller ones are as fast. The gradients of one
 * are then worked out, here and on the way, while the device computes the next.
 * @param tokenBudget Tokens whose graphs fit together. @param saturating Tokens from which a forward is at full speed.
 */
export function splitStep(
  indices: readonly number[],
  tokensOf: (index: number) => number,
  tokenBudget: number,
  saturating: number,
): readonly (readonly number[])[] {
  const total = (members: readonly number[]): number => members.reduce((sum, index) => sum + tokensOf(index), 0);
  const large = packMicroBatches(indices, tokensOf, tokenBudget);
  const whole = total(indices);
  const longest = largest(indices.map(tokensOf));
  // A step that fits at once: half a pair more than half of it makes two forwards of any pairs, and never a third.
  const half = large.length === 1 ? Math.floor((whole + longest) / 2) : Math.floor(tokenBudget / 2);
  const small = packMicroBatches(indices, tokensOf, half);
  const mustBeFull = large.length === 1 ? small : small.slice(0, -1);
  return mustBeFull.every((members) => total(members) >= saturating) ? small : large;
}

/**
 * Cuts a step into forward passes: longest pairs first, whole pairs, at most `tokenBudget` tokens each. A pair longer
 * than the budget goes alone.
 * @param tokensOf Tokens that a pair puts into a forward pass.
 */
export function packMicroBatches(
  indices: readonly number[],
  tokensOf: (index: number) => number,
  tokenBudget: number,
): readonly (readonly number[])[] {
  const longestFirst = [...indices].sort((a, b) => tokensOf(b) - tokensOf(a) || a - b);
  const packed: number[][] = [];
  let room = 0;
  for (const index of longestFirst) {
    const tokens = tokensOf(index);
    const open = packed.at(-1);
    if (open === undefined || tokens > room) {
      packed.push([index]);
      room = tokenBudget - tokens;
    } else {
      open.push(index);
      room -= tokens;
    }
  }
  return packed;
}
