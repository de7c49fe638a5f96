/**
 * Which pairs each optimizer step sees, and how a step is cut into forward passes. The first is part of the result
 * (a seeded order per epoch); the second is only a matter of memory and changes no gradient.
 */
import { seededRandom } from '../core/random.js';
import { seedFor } from './seeds.js';

export interface StepPlan {
  /** From 1. */
  readonly step: number;
  /** Passes over the data after this step: 0.25, 0.5, ... */
  readonly epoch: number;
  /** Pairs of this step, as indices of the training examples. The last step of an epoch may have fewer than the others. */
  readonly indices: readonly number[];
  readonly endsEpoch: boolean;
}

export interface TrainingPlan {
  readonly totalSteps: number;
  readonly stepsPerEpoch: number;
  /** The plan of a step from 1 to `totalSteps`. */
  step(step: number): StepPlan;
}

export interface PlanOptions {
  readonly pairs: number;
  readonly batchSize: number;
  /** May be a fraction: 0.5 = half a pass. */
  readonly epochs: number;
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

/**
 * Tokens of one forward of a step, at most: such that the device holds two at once, if a forward of half the tokens is
 * as fast. The gradients of one half are then worked out, here and on the way, while the device computes the other.
 * @param pairTokens Tokens of each pair of the step. @param tokenBudget Tokens whose graphs fit together.
 * @param saturating Tokens from which a forward is at full speed.
 */
export function forwardTokens(pairTokens: readonly number[], tokenBudget: number, saturating: number): number {
  const whole = pairTokens.reduce((sum, tokens) => sum + tokens, 0);
  if (Math.min(whole, tokenBudget) / 2 < saturating) return tokenBudget;
  // Half a pair more than half of the step: so much room makes two forwards of any pairs, and never a third.
  return whole <= tokenBudget ? Math.ceil((whole + Math.max(...pairTokens)) / 2) : Math.floor(tokenBudget / 2);
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
