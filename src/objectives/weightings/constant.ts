/** Weights that are the same for every pair: uniform, a list of the user's, and the one-hot used by bandits. */
import { MrpoError } from '../../core/errors.js';
import { constantColumn } from '../../math/numeric.js';
import type { Weighting } from '../weighting.js';

const SUM_TOLERANCE = 1e-6;

/** K columns of length B from K numbers. */
export function constantColumns(size: number, weights: readonly number[]): Float64Array[] {
  return weights.map((weight) => constantColumn(size, weight));
}

/** alpha_k = 1/K. */
export function uniformWeighting(references: number): Weighting {
  return fixed(new Array<number>(references).fill(1 / references));
}

/** A list of the user's: one per reference, each >= 0, adding up to 1 (scaled to exactly 1). Throws `config`. */
export function fixedWeighting(weights: readonly number[], references: number): Weighting {
  if (weights.length !== references) {
    throw new MrpoError(
      'config',
      `objective.weights: expected one weight per reference (${references}), got ${weights.length}`,
    );
  }
  const sum = weights.reduce((total, weight) => total + weight, 0);
  if (!weights.every((weight) => weight >= 0) || !(Math.abs(sum - 1) <= SUM_TOLERANCE)) {
    throw new MrpoError(
      'config',
      `objective.weights: expected numbers >= 0 that add up to 1, got [${weights.join(', ')}] with the sum ${sum}`,
    );
  }
  return fixed(weights.map((weight) => weight / sum));
}

/** Weight 1 for one reference, 0 for the others. */
export function oneHot(references: number, chosen: number): number[] {
  return Array.from({ length: references }, (_, k) => (k === chosen ? 1 : 0));
}

function fixed(weights: readonly number[]): Weighting {
  return { columns: ({ size }) => constantColumns(size, weights) };
}
