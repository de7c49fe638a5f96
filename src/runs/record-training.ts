/** The training of a run: follows the loop, writes its lines, tells its events, and keeps what later stages need. */
import type { Evaluation } from '../training/evaluate.js';
import type { TrainingEnd, TrainingEvent } from '../training/train.js';
import { createEta } from './eta.js';
import type { RunEvent } from '../store/events.js';
import type { JsonLinesWriter } from '../store/json-lines.js';
import { createMetricsWindow, evaluationLine } from './metrics.js';

export interface TrainingRecord extends TrainingEnd {
  /** Before the first update, and the last one made; both absent if the run was stopped before the first. */
  readonly before: Evaluation | undefined;
  readonly after: Evaluation | undefined;
  /** Optimizer steps before the last evaluation. */
  readonly afterStep: number;
  readonly tokens: number;
  readonly skippedSteps: number;
  readonly peakMemoryBytes: number;
}

export interface RecordOptions {
  readonly loggingSteps: number;
  readonly metrics: JsonLinesWriter;
  readonly emit: (event: RunEvent) => void;
}

export async function recordTraining(
  training: AsyncGenerator<TrainingEvent, TrainingEnd>,
  { loggingSteps, metrics, emit }: RecordOptions,
): Promise<TrainingRecord> {
  const window = createMetricsWindow(loggingSteps);
  const eta = createEta();
  let before: Evaluation | undefined;
  let after: Evaluation | undefined;
  let [afterStep, skippedSteps, peakMemoryBytes] = [0, 0, 0];
  for (;;) {
    const next = await training.next();
    if (next.done === true) {
      return { ...next.value, before, after, afterStep, skippedSteps, peakMemoryBytes, tokens: window.tokens };
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
      case 'evaluation':
        before ??= event.evaluation;
        [after, afterStep] = [event.evaluation, event.step];
        await metrics.append(evaluationLine(event.step, event.epoch, event.evaluation.measures));
        emit({ type: 'evaluation', step: event.step, epoch: event.epoch, measures: event.evaluation.measures });
        break;
      case 'smaller_micro_batches':
        emit({
          type: 'note',
          message: `step ${event.step}: out of memory; done again, with the same gradient, holding ${event.tokenBudget} tokens at once, as will be all further steps`,
        });
        break;
    }
  }
}
