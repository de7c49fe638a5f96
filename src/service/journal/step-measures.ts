/** What is known of a step, under the names of metrics.jsonl. */
import type { JournalLine } from './line.js';

/** Measures of the pairs, then learning rate, times in seconds, tokens a second, memory in bytes. null: not finite. */
export const stepMeasures = (
  line: Extract<JournalLine, { readonly type: 'step' }>,
): Readonly<Record<string, number | null | undefined>> => ({
  ...line.measures,
  learning_rate: line.learningRate,
  grad_norm: line.gradNorm,
  micro_batches: line.microBatches,
  step_seconds: line.seconds,
  device_seconds: line.deviceSeconds,
  tokens_per_second: line.seconds > 0 ? line.tokens / line.seconds : 0,
  peak_memory_bytes: line.peakMemoryBytes,
});
