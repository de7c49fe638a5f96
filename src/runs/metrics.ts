/** Lines of `metrics.jsonl`, under TRL's names: training metrics averaged over logged windows, evaluations with `eval_`. */
import { metricEntries, type MetricName, type Metrics } from '../objectives/metrics.js';
import type { StepEvent } from '../training/train.js';

/** `step`, `epoch` and metrics, as they are appended to the file. */
export type LoggedMetrics = Readonly<Record<string, number>>;

/** Collects steps until a line of metrics.jsonl is due. */
export interface MetricsWindow {
  /** A line when `loggingSteps` steps have come together, or at the last step. */
  add(event: StepEvent): LoggedMetrics | undefined;
  /** Tokens of all steps so far. */
  readonly tokens: number;
  /** For a checkpoint: give it to {@link createMetricsWindow} to go on. */
  state(): MetricsWindowState;
}

/** The steps that no line covers yet. */
export interface MetricsWindowState {
  /** Since the last line. */
  readonly steps: readonly StepEvent[];
  readonly tokens: number;
}

/** Averages metrics over pairs of the last `loggingSteps` steps. */
export function createMetricsWindow(loggingSteps: number, resume?: MetricsWindowState): MetricsWindow {
  let steps: StepEvent[] = [...(resume?.steps ?? [])];
  let tokens = resume?.tokens ?? 0;
  return {
    state: () => ({ steps: [...steps], tokens }),
    get tokens() {
      return tokens;
    },
    add(event) {
      steps.push(event);
      tokens += event.tokens;
      if (event.step % loggingSteps !== 0 && event.step !== event.totalSteps) return undefined;
      const line = lineOf(steps, event, tokens);
      steps = [];
      return line;
    },
  };
}

function lineOf(steps: readonly StepEvent[], last: StepEvent, tokens: number): LoggedMetrics {
  const seconds = steps.reduce((sum, step) => sum + step.seconds, 0);
  const pairs = steps.reduce((sum, step) => sum + step.pairs, 0);
  const names = new Set(steps.flatMap((step) => metricEntries(step.measures).map(([name]) => name)));
  const mean = (name: MetricName): number =>
    steps.reduce((sum, step) => sum + (step.measures[name] ?? 0) * step.pairs, 0) / pairs;
  return {
    step: last.step,
    epoch: last.epoch,
    ...Object.fromEntries([...names].map((name) => [name, mean(name)])),
    grad_norm: last.gradNorm,
    learning_rate: last.learningRate,
    num_tokens: tokens,
    micro_batches: last.microBatches,
    skipped: steps.filter((step) => step.skipped).length,
    step_seconds: seconds / steps.length,
    // Steps of a checkpoint that an earlier version wrote have none.
    device_seconds: steps.reduce((sum, step) => sum + (step.deviceSeconds ?? 0), 0) / steps.length,
    pairs_per_second: pairs / seconds,
    tokens_per_second: steps.reduce((sum, step) => sum + step.tokens, 0) / seconds,
    ...(last.peakMemoryBytes > 0 && { peak_memory_bytes: last.peakMemoryBytes }),
  };
}

/** The line of an evaluation. */
export function evaluationLine(step: number, epoch: number, measures: Metrics): LoggedMetrics {
  return {
    step,
    epoch,
    ...Object.fromEntries(metricEntries(measures).map(([name, value]) => [`eval_${name}`, value])),
  };
}
