/** One response pair under K references, through the formulas of src/math: for tests that think in pairs, not columns. */
import {
  adaptiveEpsilonColumns,
  arwcWeights,
  clipColumns,
  logRatioMargins,
  poolColumns,
  type Sides,
} from '../../src/math/index.js';

/** [chosen, rejected] log-probs. */
export type Pair = readonly [number, number];

export const HARMONIC = -1;

export const side = (pairs: readonly Pair[], index: 0 | 1): Float64Array[] =>
  pairs.map((entry) => Float64Array.of(entry[index]));
export const asColumns = ([chosen, rejected]: Pair): Sides<Float64Array> => ({
  chosen: Float64Array.of(chosen),
  rejected: Float64Array.of(rejected),
});
export const columnsOf = (values: readonly number[]): Float64Array[] => values.map((value) => Float64Array.of(value));

export function arwc(pairs: readonly Pair[]): number[] {
  return arwcWeights(side(pairs, 0), side(pairs, 1)).map((column) => column[0]!);
}

export function pool(logps: readonly number[], weights: readonly number[], power: number): number {
  return poolColumns(columnsOf(logps), columnsOf(weights), power)[0]!;
}

export function epsilonOf(pairs: readonly Pair[], maximum: number): Pair {
  const { chosen, rejected } = adaptiveEpsilonColumns(side(pairs, 0), side(pairs, 1), maximum);
  return [chosen[0]!, rejected[0]!];
}

/** Virtual reference of MRPO: ARWC, adaptive epsilon, harmonic pooling. */
export function virtual(pairs: readonly Pair[], maximum: number, power = HARMONIC): Pair {
  const epsilon = epsilonOf(pairs, maximum);
  const weights = arwc(pairs);
  const [chosen, rejected] = ([0, 1] as const).map((index) => {
    const clipped = clipColumns(side(pairs, index), Float64Array.of(epsilon[index])).logps;
    return poolColumns(clipped, columnsOf(weights), power)[0]!;
  }) as [number, number];
  return [chosen, rejected];
}

export function marginAgainst(policy: Pair, reference: Pair, beta = 0.1): number {
  return logRatioMargins(asColumns(policy), asColumns(reference), beta).margins[0]!;
}

/** Rounding room for numbers made of log-probs of this size. */
export const slack = (...values: readonly number[]): number =>
  64 * Number.EPSILON * (1 + values.reduce((sum, value) => sum + Math.abs(value), 0));
