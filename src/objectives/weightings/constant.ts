/** Weights that are the same for every pair: uniform, a list of the user's, and the one-hot used by bandits. */
import { constantColumn } from '../../math/numeric.js';
import type { Weighting } from '../weighting.js';

/** K columns of length B from K numbers. */
export function constantColumns(size: number, weights: readonly number[]): Float64Array[] {
  return weights.map((weight) => constantColumn(size, weight));
}

/** alpha_k = 1/K. */
export function uniformWeighting(references: number): Weighting {
  return fixed(new Array<number>(references).fill(1 / references));
}

/** A list of the user's, which adds up to 1 as far as decimals can (objective-rules): scaled to exactly 1. */
export function fixedWeighting(weights: readonly number[]): Weighting {
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return fixed(weights.map((weight) => weight / sum));
}

/** Weight 1 for one reference, 0 for the others. */
export function oneHot(references: number, chosen: number): number[] {
  return Array.from({ length: references }, (_, k) => (k === chosen ? 1 : 0));
}

function fixed(weights: readonly number[]): Weighting {
  return { columns: ({ size }) => constantColumns(size, weights) };
}
