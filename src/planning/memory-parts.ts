/**
 * Bytes of a run by part. NF4 weights take 4 bits and one scale per 64 weights, quantised itself (arXiv 2305.14314);
 * what a layer keeps for its backward pass is counted tensor by tensor, and recomputed layers keep their input alone
 * (arXiv 1604.06174).
 */
import type { PolicyConfig } from '../config/schema.js';
import { bodyWeights, embeddingWeights, type ModelShape } from './model-shape.js';

/** Format of a number in memory. */
export type NumberFormat = 'float32' | 'bfloat16' | 'float16';

/** Bytes of one number. */
export const bytesOf = (format: NumberFormat): number => (format === 'float32' ? 4 : 2);

/** Weights as they lie in memory: embeddings and head are never quantised. */
export function weightBytes(
  shape: ModelShape,
  quantization: PolicyConfig['quantization'],
  format: NumberFormat,
): number {
  const perBodyWeight = { none: bytesOf(format), int8: 1, nf4: 0.5 + 1 / 64 + 4 / (64 * 256) }[quantization];
  return bodyWeights(shape) * perBodyWeight + embeddingWeights(shape) * bytesOf(format);
}

/** Of the memory that the weights leave free, what a copy of quantised ones in the compute format may take; as the engine does. */
const WRITTEN_OUT_SHARE = 0.25;

/** Bytes of that copy of NF4 weights: all layers, or 0 where memory is too short for them. It saves dequantising in every pass. */
export function writtenOutBytes(
  shape: ModelShape,
  quantization: PolicyConfig['quantization'],
  format: NumberFormat,
  memoryBytes: number,
): number {
  if (quantization !== 'nf4') return 0;
  const bytes = bodyWeights(shape) * bytesOf(format);
  return bytes <= WRITTEN_OUT_SHARE * (memoryBytes - weightBytes(shape, quantization, format)) ? bytes : 0;
}

/** Weights of the adapter matrices: r (in + out) for every target module of every layer. */
export function adapterWeights(shape: ModelShape, r: number, targets: readonly string[]): number {
  const { width: d, queryWidth: q, keyWidth: kv, mlpWidth: f } = shape;
  const sizes: Readonly<Record<string, number>> = {
    q_proj: d + q,
    k_proj: d + kv,
    v_proj: d + kv,
    o_proj: q + d,
    gate_proj: d + f,
    up_proj: d + f,
    down_proj: f + d,
    c_attn: d + q + 2 * kv,
    c_proj: q + d,
    c_fc: d + f,
  };
  const all = shape.gated
    ? ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj']
    : ['c_attn', 'c_proj', 'c_fc'];
  const named =
    targets.length === 0
      ? shape.gated
        ? ['q_proj', 'v_proj']
        : ['c_attn']
      : targets.includes('all-linear')
        ? all
        : targets;
  return shape.layers * r * named.reduce((sum, name) => sum + (sizes[name] ?? d + q), 0);
}

/** What one layer keeps for a token without recomputation, in numbers. */
function keptPerLayer(shape: ModelShape, activation: ActivationShape): number {
  const { width: d, queryWidth: q, keyWidth: kv, mlpWidth: f } = shape;
  // inputs of two norms and of the attention projections; queries, keys, values; gate and up, or their one
  const base = 3 * d + q + 2 * kv + (shape.gated ? 2 : 1) * f;
  // inputs of the feed-forward matrices, where these have a gradient of their own
  const everywhere = activation.everyMatrixTrained ? d + f : 0;
  // the result of attention: for the output projection's own gradient, and for a kernel that keeps no probabilities
  const attended = activation.everyMatrixTrained || !activation.keepsProbabilities ? q : 0;
  return base + everywhere + attended + (activation.keepsProbabilities ? shape.heads * activation.seen : 0);
}

/** What decides how much a layer keeps for the backward pass. */
export interface ActivationShape {
  readonly format: NumberFormat;
  /** Full fine-tuning, or an adapter on more than the attention projections. */
  readonly everyMatrixTrained: boolean;
  /** Share of layers recomputed. */
  readonly recomputed: number;
  /** Keys that a token attends on average. */
  readonly seen: number;
  /** Share of tokens that are scored: those of the responses. */
  readonly scored: number;
  /** Short rows on a CPU keep attention probabilities. */
  readonly keepsProbabilities: boolean;
}

/** Tensors as wide as a layer's widest that its backward pass has at once, beside what was kept; as the engine plans. */
const PASSING = 4;

/**
 * Bytes for a token of a micro-batch at its peak, which lies in the backward pass: what is held from the forward pass on,
 * unit gradients of the head included, one layer of those that are recomputed, and what its gradients need in passing.
 */
export function activationBytesPerToken(shape: ModelShape, activation: ActivationShape): number {
  const { recomputed, scored, format } = activation;
  const layer = keptPerLayer(shape, activation);
  const kept = shape.layers * ((1 - recomputed) * layer + recomputed * shape.width) + (recomputed > 0 ? layer : 0);
  const passing = PASSING * Math.max(shape.width, shape.queryWidth, shape.mlpWidth);
  return bytesOf(format) * (kept + 2 * shape.width + scored * shape.width + passing);
}
