/**
 * Floating-point operations of a step, prompt encoded once for both responses. A multiply-add counts as two.
 *
 * Symbols: N weights of all layers, V*d weights of the head, T = P + C + R tokens of a pair, L layers, q width of all
 * query heads, A attended pairs of tokens, k share of layers recomputed in the backward pass.
 *
 * - body       2 N T (2 + k): forward, gradient by the activations, recomputation. A trained weight costs 2 N T more.
 * - head       4 V d (C + R): logits, and the gradient by the hidden states kept in the forward pass.
 * - attention  4 L q A (1 + 2.5 + k): the backward pass of exact attention is 2.5 forward passes (arXiv 2307.08691).
 * - adapter    2 n T (3 + k) for n adapter weights.
 * - A = (P + C)(P + C + 1) / 2 + R P + R (R + 1) / 2: what a shared prompt leaves to attend (arXiv 2410.20305).
 */
import type { PairLength } from './lengths.js';
import { bodyWeights, type ModelShape } from './model-shape.js';

/** Query-key pairs of a shared row. */
export function attendedPairs({ prompt, chosen, rejected }: PairLength): number {
  const trunk = prompt + chosen;
  return (trunk * (trunk + 1)) / 2 + rejected * prompt + (rejected * (rejected + 1)) / 2;
}

/** Prompt + chosen + rejected. */
export const totalTokens = ({ prompt, chosen, rejected }: PairLength): number => prompt + chosen + rejected;

/** Operations to score one pair, without gradients. */
export function scoringOperations(shape: ModelShape, pair: PairLength): number {
  const body = 2 * bodyWeights(shape) * totalTokens(pair);
  const head = 2 * shape.vocabulary * shape.width * (pair.chosen + pair.rejected);
  return body + head + 4 * shape.layers * shape.queryWidth * attendedPairs(pair);
}

/** What is trained and how much of it is computed twice. */
export interface TrainingShape {
  /** Weights of the adapter; 0 for full fine-tuning. */
  readonly adapterWeights: number;
  /** All weights are trained. */
  readonly full: boolean;
  /** Share of layers recomputed in the backward pass. */
  readonly recomputed: number;
}

/** Operations of forward and backward of one pair. */
export function trainingOperations(shape: ModelShape, pair: PairLength, training: TrainingShape): number {
  const { adapterWeights, full, recomputed: k } = training;
  const tokens = totalTokens(pair);
  const body = 2 * bodyWeights(shape) * tokens * (2 + k + (full ? 1 : 0));
  const head = (full ? 8 : 4) * shape.vocabulary * shape.width * (pair.chosen + pair.rejected);
  const attention = 4 * shape.layers * shape.queryWidth * attendedPairs(pair) * (3.5 + k);
  return body + head + attention + 2 * adapterWeights * tokens * (3 + k);
}
