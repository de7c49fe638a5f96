/** A plan as text for a terminal. */
import type { RunConfig } from '../config/index.js';
import { BYTES_PER_TOKEN, type Plan } from '../planning/index.js';
import { textTable } from './text-table.js';

const gigabytes = (bytes: number): string =>
  bytes < 1e7 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1e9).toFixed(2)} GB`;
const count = (value: number): string => Math.round(value).toLocaleString('en-US');

/** 42 s, 12 min, 3.5 h. */
function duration(seconds: number): string {
  if (seconds < 1) return `${(1000 * seconds).toPrecision(2)} ms`;
  if (seconds < 120) return `${seconds.toPrecision(3)} s`;
  return seconds < 7200 ? `${(seconds / 60).toFixed(1)} min` : `${(seconds / 3600).toFixed(1)} h`;
}

/** Memory, micro-batches and time, and what they rest on. */
export function planText(plan: Plan, config: RunConfig): string {
  const { memory, tokens, device } = plan;
  const parts = [
    ['weights', memory.weights],
    ...(memory.writtenOut > 0 ? ([['weights, dequantised once', memory.writtenOut]] as const) : []),
    ['adapter', memory.adapter],
    ['gradients and optimizer', memory.gradientsAndOptimizer],
    ['activations', memory.activations],
    ['logits of one chunk', memory.head],
    ['libraries', memory.runtime],
    ['total', memory.total],
    ['free on the device', device.memoryBytes],
  ] as const;
  const phases = [
    ...plan.scoring.map(({ reference, seconds, weightBytes }) => [
      `score ${reference}, once`,
      duration(seconds),
      `${gigabytes(weightBytes)} of weights`,
    ]),
    ['train', duration(plan.trainingSeconds), `${count(plan.steps)} steps of ${duration(plan.secondsPerStep)}`],
    ['evaluate', duration(plan.evaluationSeconds), `${count(plan.pairs.held)} held-out pairs`],
    ['total', duration(plan.totalSeconds), ''],
  ];
  return `${config.policy.model} on ${device.name}
${count(plan.pairs.train)} training pairs, mean ${count(tokens.prompt)} prompt + ${count(tokens.chosen)} chosen + ${count(tokens.rejected)} rejected tokens (estimated)

Memory
${textTable(
  ['part', ''],
  parts.map(([name, bytes]) => [name, gigabytes(bytes)]),
)}${plan.fits ? '' : `This does not fit on ${device.name}.\n`}
Training
${textTable(
  ['', ''],
  [
    ['trained weights', count(plan.trainableWeights)],
    ['recomputation of activations', plan.checkpointing],
    ['tokens held at once, at most', count(plan.microBatchTokens)],
    ['operations per step', `${(plan.flopsPerStep / 1e12).toPrecision(3)} TFLOP`],
  ],
)}
Time
${textTable(['phase', 'time', ''], phases)}
What this rests on: ${device.basis}; ${BYTES_PER_TOKEN} bytes of text a token; a cache without scores. Generation of samples is not counted.
`;
}
