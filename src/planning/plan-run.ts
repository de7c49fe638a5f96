/** What a run will need, from its configuration, the shape of its models and the lengths of its pairs alone. */
import { isPolicyReference, referenceName } from '../config/models.js';
import type { RunConfig } from '../config/schema.js';
import { largest } from '../core/extremes.js';
import { thisMachine, type Device } from './devices.js';
import type { PairLength } from './lengths.js';
import {
  activationBytesPerToken,
  adapterWeights,
  weightBytes,
  writtenOutBytes,
  type NumberFormat,
} from './memory-parts.js';
import { bodyWeights, embeddingWeights, type ModelShape } from './model-shape.js';
import { attendedPairs, totalTokens, scoringOperations, trainingOperations } from './operations.js';

/** Everything a plan follows from. */
export interface PlanInput {
  readonly config: Pick<RunConfig, 'policy' | 'references' | 'training'>;
  readonly policy: ModelShape;
  /** Shapes of the references in order; undefined where a reference is the policy itself. */
  readonly references: readonly (ModelShape | undefined)[];
  /** Lengths of the training pairs. */
  readonly train: readonly PairLength[];
  /** Lengths of the held-out pairs. */
  readonly held: readonly PairLength[];
  /** Default: this machine. */
  readonly device?: Device | undefined;
}

/** Which layers are computed again in the backward pass: none, half of them, or all. */
export type Checkpointing = 'off' | 'selective' | 'full';

/** Bytes by part; `activations` are those in memory at once. */
export interface MemoryPlan {
  readonly weights: number;
  /** NF4 weights a second time, in the compute format, where memory allows. */
  readonly writtenOut: number;
  readonly adapter: number;
  readonly gradientsAndOptimizer: number;
  readonly activations: number;
  readonly head: number;
  readonly runtime: number;
  readonly total: number;
}

/** What a run will need on one device. Times in seconds, memory in bytes. */
export interface Plan {
  readonly device: Device;
  readonly pairs: { readonly train: number; readonly held: number };
  /** Means over the training pairs. */
  readonly tokens: PairLength;
  /** Number of weights that are trained. */
  readonly trainableWeights: number;
  /** As configured, or what `auto` would choose. */
  readonly checkpointing: Checkpointing;
  readonly memory: MemoryPlan;
  /** Whether all parts together fit into the device's memory. */
  readonly fits: boolean;
  /** Prompt + chosen + rejected tokens whose activations are in memory at once, of one forward pass or two. */
  readonly microBatchTokens: number;
  /** Optimizer steps of the whole run. */
  readonly steps: number;
  /** Floating-point operations of one optimizer step. */
  readonly flopsPerStep: number;
  readonly secondsPerStep: number;
  /** Scoring each reference once, without what a cache may hold already. */
  readonly scoring: readonly { readonly reference: string; readonly seconds: number; readonly weightBytes: number }[];
  /** Of all steps, without evaluation. */
  readonly trainingSeconds: number;
  /** Of the evaluations at the start and after each epoch. */
  readonly evaluationSeconds: number;
  /** Scoring, training and evaluation. */
  readonly totalSeconds: number;
}

/** Share of free memory that micro-batches may plan with; as the backend does. */
const HEADROOM = 0.8;
/** A micro-batch that automatic checkpointing makes room for. */
const COMFORTABLE_TOKENS = 4096;
/** A CPU works pair by pair: more in one micro-batch saves nothing. */
const CPU_TOKENS = 2048;
const RECOMPUTED: Readonly<Record<Checkpointing, number>> = { off: 0, selective: 0.5, full: 1 };
/** Interpreter and libraries; on CUDA the driver's context. */
const RUNTIME_BYTES = { cpu: 0.45e9, cuda: 0.6e9 };
/** Vocabulary entries and response tokens whose logits exist at once. */
const HEAD_TILE = { cpu: 4096, cuda: 16384 };
const HEAD_CHUNK = 1024;

/** Plans a run. Pure but for asking this machine when no device is given. */
export function planRun(input: PlanInput): Plan {
  const device = input.device ?? thisMachine();
  const { policy: shape, config, train, held } = input;
  const format: NumberFormat = config.policy.dtype ?? device.dtype;
  const tokens = meanLength(train);
  const trained = trainedPart(shape, config, format);
  const fixed = fixedMemory(shape, config, format, device, trained);
  const { checkpointing, perToken } = chooseCheckpointing(input, device, format, fixed, tokens);
  const fitting = Math.floor((HEADROOM * (device.memoryBytes - fixed)) / perToken);
  const longest = largest(train.map(totalTokens), 1);
  const microBatchTokens =
    config.training.micro_batch_tokens ?? Math.max(1, device.kind === 'cpu' ? Math.min(fitting, CPU_TOKENS) : fitting);
  const batchTokens = config.training.batch_size * totalTokens(tokens);
  const activations = perToken * Math.max(longest, Math.min(microBatchTokens, batchTokens));
  const memory = memoryPlan(shape, config, format, device, trained, activations);
  const rate = device.efficiency * (format === 'float32' ? device.peakFloat32Flops : device.peakFlops);
  const steps = stepCount(train.length, config.training);
  const training = {
    adapterWeights: trained.full ? 0 : trained.weights,
    full: trained.full,
    recomputed: RECOMPUTED[checkpointing],
  };
  const flopsPerStep = config.training.batch_size * mean(train, (pair) => trainingOperations(shape, pair, training));
  const scored = (of: ModelShape, pairs: readonly PairLength[]): number =>
    sum(pairs, (pair) => scoringOperations(of, pair)) / rate;
  const scoring = config.references.map((reference, index) => {
    const of = input.references[index] ?? shape;
    const own = isPolicyReference(reference) ? config.policy : reference;
    return {
      reference: isPolicyReference(reference) ? 'policy' : referenceName(reference),
      seconds: scored(of, train) + scored(of, held),
      weightBytes: weightBytes(of, own.quantization, own.dtype ?? device.dtype),
    };
  });
  const trainingSeconds = (steps * flopsPerStep) / rate;
  // At the start and after each epoch.
  const evaluationSeconds = (1 + Math.ceil(config.training.epochs)) * scored(shape, held);
  return {
    device,
    pairs: { train: train.length, held: held.length },
    tokens,
    trainableWeights: trained.weights,
    checkpointing,
    memory,
    fits: memory.total <= device.memoryBytes,
    microBatchTokens,
    steps,
    flopsPerStep,
    secondsPerStep: flopsPerStep / rate,
    scoring,
    trainingSeconds,
    evaluationSeconds,
    totalSeconds: sum(scoring, ({ seconds }) => seconds) + trainingSeconds + evaluationSeconds,
  };
}

interface TrainedPart {
  readonly weights: number;
  readonly full: boolean;
  /** Bytes of the adapter itself; the weights of the model are counted elsewhere. */
  readonly adapterBytes: number;
  readonly gradientBytes: number;
  /** Moments, and masters of half-precision weights. */
  readonly optimizerBytes: number;
}

/**
 * Adapters are float32. Full fine-tuning of half-precision weights moves float32 masters of them; gradients and AdamW's
 * two moments have the format of what is moved.
 */
function trainedPart(shape: ModelShape, config: PlanInput['config'], format: NumberFormat): TrainedPart {
  const { lora } = config.policy;
  const full = lora === 'off';
  const weights = full
    ? bodyWeights(shape) + embeddingWeights(shape)
    : adapterWeights(shape, lora.r, lora.target_modules);
  const masters = full && format !== 'float32' ? 4 * weights : 0;
  return {
    weights,
    full,
    adapterBytes: full ? 0 : 4 * weights,
    gradientBytes: 4 * weights,
    optimizerBytes: masters + (config.training.optim === 'paged_adamw_8bit' ? 2 : 8) * weights,
  };
}

function headBytes(shape: ModelShape, device: Device): number {
  return 2 * 4 * HEAD_CHUNK * Math.min(shape.vocabulary, HEAD_TILE[device.kind]);
}

function fixedMemory(
  shape: ModelShape,
  config: PlanInput['config'],
  format: NumberFormat,
  device: Device,
  trained: TrainedPart,
): number {
  return memoryPlan(shape, config, format, device, trained, 0).total;
}

function memoryPlan(
  shape: ModelShape,
  config: PlanInput['config'],
  format: NumberFormat,
  device: Device,
  trained: TrainedPart,
  activations: number,
): MemoryPlan {
  const parts = {
    weights: weightBytes(shape, config.policy.quantization, format),
    writtenOut: writtenOutBytes(shape, config.policy.quantization, format, device.memoryBytes),
    adapter: trained.adapterBytes,
    gradientsAndOptimizer: trained.gradientBytes + trained.optimizerBytes,
    activations,
    head: headBytes(shape, device),
    runtime: RUNTIME_BYTES[device.kind],
  };
  return { ...parts, total: Object.values(parts).reduce((total, part) => total + part, 0) };
}

/** The configured mode; for auto the least recomputation that lets a comfortable micro-batch fit. */
function chooseCheckpointing(
  input: PlanInput,
  device: Device,
  format: NumberFormat,
  fixed: number,
  tokens: PairLength,
): { readonly checkpointing: Checkpointing; readonly perToken: number } {
  const { lora } = input.config.policy;
  const perToken = (mode: Checkpointing): number =>
    activationBytesPerToken(input.policy, {
      format,
      everyMatrixTrained:
        lora === 'off' ||
        lora.target_modules.some((name) => /^(all-linear|o_proj|gate_proj|up_proj|down_proj)$/.test(name)),
      recomputed: RECOMPUTED[mode],
      seen: attendedPairs(tokens) / totalTokens(tokens),
      scored: (tokens.chosen + tokens.rejected) / totalTokens(tokens),
      keepsProbabilities: device.kind === 'cpu',
    });
  const asked = input.config.policy.gradient_checkpointing;
  if (asked !== 'auto') return { checkpointing: asked, perToken: perToken(asked) };
  const modes: readonly Checkpointing[] = ['off', 'selective', 'full'];
  const room = HEADROOM * (device.memoryBytes - fixed);
  const checkpointing = modes.find((mode) => room / perToken(mode) >= COMFORTABLE_TOKENS) ?? 'full';
  return { checkpointing, perToken: perToken(checkpointing) };
}

function stepCount(pairs: number, training: PlanInput['config']['training']): number {
  const perEpoch = Math.ceil(pairs / training.batch_size);
  return Math.min(Math.ceil(training.epochs * perEpoch), training.max_steps ?? Infinity);
}

function meanLength(pairs: readonly PairLength[]): PairLength {
  return {
    prompt: mean(pairs, ({ prompt }) => prompt),
    chosen: mean(pairs, ({ chosen }) => chosen),
    rejected: mean(pairs, ({ rejected }) => rejected),
  };
}

const sum = <T>(items: readonly T[], value: (item: T) => number): number =>
  items.reduce((total, item) => total + value(item), 0);
const mean = <T>(items: readonly T[], value: (item: T) => number): number =>
  items.length === 0 ? 0 : sum(items, value) / items.length;
