/**
 * The pairs of a run as columns: everything that stays the same while the policy trains. The policy's log-probs join
 * them batch by batch, in {@link batchOf}.
 */
import { eachSide, type Sides } from '../core/sides.js';
import type { ModelColumns, PairBatch, ResponseColumns } from '../objectives/objective.js';
import { numericalNoise } from './numerical-noise.js';

/** N pairs, ready to train or evaluate on. Every column has length N. */
export interface Examples {
  readonly size: number;
  /** Index of each pair in the policy's row set. */
  readonly rows: readonly number[];
  /** How messages name each pair: "pairs.jsonl line 17". */
  readonly names: readonly string[];
  /** Tokens under the policy's tokenizer, after truncation; the responses' counts are those that are scored. */
  readonly promptTokens: Float64Array;
  readonly responseTokens: Sides<Float64Array>;
  /** Tokens of both responses that are read and not scored; absent = none. */
  readonly contextTokens?: Float64Array | undefined;
  /** UTF-8 bytes of the response texts. */
  readonly responseBytes: Sides<Float64Array>;
  /** Number format that the policy computes in; absent = exact. */
  readonly dtype?: string | undefined;
  /** K references in configuration order, the first is RefM1. */
  readonly references: readonly ModelColumns[];
}

/** Tokens of one forward pass over a pair: the prompt once, both responses with the turns that are not scored. */
export function pairTokens(examples: Examples, index: number): number {
  return (
    at(examples.promptTokens, index) +
    at(examples.responseTokens.chosen, index) +
    at(examples.responseTokens.rejected, index) +
    (examples.contextTokens?.[index] ?? 0)
  );
}

/** Nats below which a difference of a pair's log-probs is rounding. */
export function pairNoise(examples: Examples, index: number): number {
  const tokens = at(examples.responseTokens.chosen, index) + at(examples.responseTokens.rejected, index);
  return examples.dtype === undefined ? 0 : numericalNoise(examples.dtype, tokens);
}

/** Indices of all examples, in order. */
export const everyPair = ({ size }: Examples): number[] => Array.from({ length: size }, (_, index) => index);

/**
 * The batch an objective sees: pairs `indices` of `examples` with the policy's current log-probs.
 * @param policyLogps Columns as long as `indices`, nats.
 */
export function batchOf(examples: Examples, indices: readonly number[], policyLogps: Sides<Float64Array>): PairBatch {
  return {
    size: indices.length,
    policy: eachSide((side) => ({ logps: policyLogps[side], tokens: pick(examples.responseTokens[side], indices) })),
    references: examples.references.map((reference) => eachSide((side) => pickResponses(reference[side], indices))),
    bytes: eachSide((side) => pick(examples.responseBytes[side], indices)),
    rowIds: indices.map((index) => examples.names[index] ?? index),
    noise: Float64Array.from(indices, (index) => pairNoise(examples, index)),
  };
}

const pickResponses = (column: ResponseColumns, indices: readonly number[]): ResponseColumns => ({
  logps: pick(column.logps, indices),
  tokens: pick(column.tokens, indices),
});

/** The values of a column at some indices. */
function pick(column: Float64Array, indices: readonly number[]): Float64Array {
  return Float64Array.from(indices, (index) => at(column, index));
}

const at = (column: Float64Array, index: number): number => column[index] ?? NaN;
