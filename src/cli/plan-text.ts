/** A plan as text for a terminal. */
import type { RunConfig } from '../config/index.js';
import { bytesText, durationText } from '../core/quantities.js';
import { BYTES_PER_TOKEN, type Plan } from '../planning/index.js';
import { textTable } from './text-table.js';

const count = (value: number): string => Math.round(value).toLocaleString('en-US');

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
      durationText(seconds),
      `${bytesText(weightBytes)} of weights`,
    ]),
    ['train', durationText(plan.trainingSeconds), `${count(plan.steps)} steps of ${durationText(plan.secondsPerStep)}`],
    ['evaluate', durationText(plan.evaluationSeconds), `${count(plan.pairs.held)} held-out pairs`],
    ['total', durationText(plan.totalSeconds), ''],
  ];
  return `${config.policy.model} on ${device.name}
${count(plan.pairs.train)} training pairs, mean ${count(tokens.prompt)} prompt + ${count(tokens.chosen)} chosen + ${count(tokens.rejected)} rejected tokens (estimated)

Memory
${textTable(
  ['part', ''],
  parts.map(([name, bytes]) => [name, bytesText(bytes)]),
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
