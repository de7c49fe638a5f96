/** The training of a run: follows the loop, writes its lines, tells its events, and keeps what later stages need. */
import type { TrainingConfig } from '../config/index.js';
import { MrpoError } from '../core/errors.js';
import { createEta } from './eta.js';
import { createMetricsWindow, evaluationLine } from './metrics.js';
import type { BestEvaluation, RecordingState } from './run-state.js';
import type { RunEvent } from '../store/events.js';
import type { JsonLinesWriter } from '../store/json-lines.js';
import type { Evaluation } from '../training/evaluate.js';
import type { TrainingState } from '../training/state.js';
import type { Training, TrainingEnd } from '../training/train.js';

/** What a training measured, from its start over all attempts. */
export interface TrainingRecord extends TrainingEnd {
  /** Before the first update; absent if the run was stopped before it. */
  readonly before: Evaluation | undefined;
  /** The last one made; absent if none was. */
  readonly after: Evaluation | undefined;
  /** Optimizer steps before the last evaluation. */
  readonly afterStep: number;
  /** By `training.metric_for_best_model`; absent before the first evaluation after a step. */
  readonly best: BestEvaluation | undefined;
  /** Prompt and response tokens of all steps. */
  readonly tokens: number;
  /** Steps that changed nothing because the gradient was not finite. */
  readonly skippedSteps: number;
  /** Of the backend, in bytes; the largest seen. */
  readonly peakMemoryBytes: number;
  /** As at the last step boundary. */
  readonly recording: RecordingState;
}

/** Where lines and events go. */
export interface RecordOptions {
  readonly training: TrainingConfig;
  readonly metrics: JsonLinesWriter;
  readonly emit: (event: RunEvent) => void;
  /** Called between two steps. */
  readonly onBoundary: (boundary: StepBoundary) => Promise<void>;
  /** Called when training fails behind a step, as the last thing before the error. */
  readonly onFailing: (boundary: StepBoundary, thrown: unknown) => Promise<void>;
  readonly resume?: RecordingState | undefined;
}

/** The moment between two steps, when a checkpoint can be kept. */
export interface StepBoundary {
  readonly step: number;
  /** Whether the current policy has been evaluated, better than ever before. */
  readonly isBest: boolean;
  readonly training: TrainingState;
  /** The recorder's own state; metrics.jsonl is on the disk when it resolves. */
  readonly recording: () => Promise<RecordingState>;
}

/**
 * Follows the training to its end, or to early stopping.
 * @throws MrpoError `config` if `training.metric_for_best_model` is needed and not measured.
 */
export async function recordTraining(
  loop: Training,
  { training, metrics, emit, onBoundary, onFailing, resume }: RecordOptions,
): Promise<TrainingRecord> {
  const window = createMetricsWindow(training.logging_steps, resume?.window);
  const eta = createEta();
  const metric = training.metric_for_best_model;
  let { before, after, best } = resume ?? {};
  let [afterStep, skippedSteps, peakMemoryBytes, worseSince] = [
    resume?.afterStep ?? 0,
    resume?.skippedSteps ?? 0,
    resume?.peakMemoryBytes ?? 0,
    resume?.worseSince ?? 0,
  ];
  if (best?.metric !== metric) [best, worseSince] = [undefined, 0];
  const recording = async (): Promise<RecordingState> => ({
    metricsBytes: await metrics.sync(),
    window: window.state(),
    before,
    after,
    afterStep,
    best,
    worseSince,
    skippedSteps,
    peakMemoryBytes,
  });
  const boundaryOf = ({ step, state }: { readonly step: number; readonly state: TrainingState }): StepBoundary => ({
    ...{ step, training: state, recording },
    isBest: best?.step === step,
  });
  let answer: 'finish' | undefined;
  for (;;) {
    const next = await loop.next(answer);
    answer = undefined;
    if (next.done === true) {
      const facts = { before, after, afterStep, best, skippedSteps, peakMemoryBytes, tokens: window.tokens };
      return { ...next.value, ...facts, recording: await recording() };
    }
    const event = next.value;
    switch (event.type) {
      case 'step': {
        const line = window.add(event);
        if (line !== undefined) await metrics.append(line);
        peakMemoryBytes = Math.max(peakMemoryBytes, event.peakMemoryBytes);
        if (event.skipped) {
          skippedSteps += 1;
          emit({ type: 'note', message: `step ${event.step}: the gradient was not finite; nothing was applied` });
        }
        emit({ ...event, etaSeconds: eta.after(event.seconds, event.totalSteps - event.step) });
        break;
      }
      case 'evaluation': {
        const { step, evaluation } = event;
        const { measures } = evaluation;
        before ??= evaluation;
        [after, afterStep] = [evaluation, step];
        requireMetric(metric, measures, training);
        if (step > 0) {
          const value = (measures as Readonly<Record<string, number | undefined>>)[metric];
          if (value !== undefined && isBetter(metric, value, best?.value)) {
            [best, worseSince] = [{ step, metric, value }, 0];
          } else worseSince += 1;
        }
        await metrics.append(evaluationLine(step, event.epoch, measures));
        emit({ type: 'evaluation', step, epoch: event.epoch, measures });
        break;
      }
      case 'smaller_micro_batches':
        emit({
          type: 'note',
          message: `step ${event.step}: out of memory; done again, with the same gradient, holding ${event.tokenBudget} tokens at once, as will be the next steps`,
        });
        break;
      case 'failing':
        await onFailing(boundaryOf(event), event.thrown);
        break;
      case 'boundary':
        await onBoundary(boundaryOf(event));
        if (worseSince >= (training.early_stopping_patience ?? Infinity)) {
          answer = 'finish';
          emit({ type: 'note', message: stopText(event.step, worseSince, best) });
        }
        break;
    }
  }
}

/** @throws MrpoError `config` if what decides about the best evaluation is not measured. */
function requireMetric(metric: string, measures: Evaluation['measures'], training: TrainingConfig): void {
  const names = Object.keys(measures);
  const decides = training.load_best_model_at_end || training.early_stopping_patience !== undefined;
  if (!decides || names.length === 0 || names.includes(metric)) return;
  throw new MrpoError('config', `training.metric_for_best_model: ${metric} is not measured`, {
    hint: `Measured are ${names.join(', ')}.`,
  });
}

/** A loss is better when it is less, any other measure when it is more. The first evaluation is the best so far. */
function isBetter(metric: string, value: number, best: number | undefined): boolean {
  if (best === undefined || !Number.isFinite(best)) return Number.isFinite(value);
  return /(^|[/_])loss$/.test(metric) ? value < best : value > best;
}

const stopText = (step: number, worseSince: number, best: BestEvaluation | undefined): string =>
  `step ${step}: stopped early, as ${worseSince} evaluations in a row were not better than ` +
  (best === undefined ? 'any' : `that of step ${best.step} (${best.metric} ${best.value.toPrecision(4)})`);
