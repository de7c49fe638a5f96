/** A run at a step boundary, as `state.json` of a checkpoint keeps it beside the trainer's own files. */
import { MrpoError } from '../core/errors.js';
import type { Evaluation } from '../training/evaluate.js';
import type { TrainingState } from '../training/state.js';
import type { MetricsWindowState } from './metrics.js';
import type { RunIdentity } from './run-identity.js';

/** Of `state.json`; a checkpoint of another one is refused. */
export const STATE_FORMAT = 2;

/** Everything outside the backend that a run continues from. */
export interface ResumableState {
  /** Versions that only add fields keep the number. */
  readonly format: typeof STATE_FORMAT;
  readonly identity: RunIdentity;
  readonly training: TrainingState;
  readonly recording: RecordingState;
  /** Of activations, as in force: `auto` must not choose anew. */
  readonly checkpointing: 'off' | 'selective' | 'full';
  /** SHA-256 of the run's `scores.safetensors`: the references' log-probs in force. */
  readonly scores: string;
  /** Length of samples.jsonl, in bytes, with the answers before training. */
  readonly samplesBytes: number;
  /** The schedule's learning rate is multiplied by it; halved at each divergence. */
  readonly rateFactor: number;
  /** Whether all steps up to here can be had again bit for bit. Absent in sessions, and before there was a choice. */
  readonly exact?: boolean | undefined;
}

/** What the recorder of a training has seen. */
export interface RecordingState {
  /** Length of metrics.jsonl, in bytes. */
  readonly metricsBytes: number;
  readonly window: MetricsWindowState;
  readonly before: Evaluation | undefined;
  readonly after: Evaluation | undefined;
  readonly afterStep: number;
  readonly best: BestEvaluation | undefined;
  /** Evaluations since the best one. */
  readonly worseSince: number;
  readonly skippedSteps: number;
  readonly peakMemoryBytes: number;
}

/** The best evaluation so far, and by what it is the best. */
export interface BestEvaluation {
  readonly step: number;
  readonly metric: string;
  readonly value: number;
}

/** A state read from a checkpoint, its format checked. @throws MrpoError `data` for a state of another format. */
export function asRunState(value: unknown, path: string): ResumableState {
  const { format } = value as { format?: unknown };
  if (format === STATE_FORMAT) return value as ResumableState;
  throw new MrpoError(
    'data',
    `checkpoint ${path}: got state format ${String(format)}, expected ${STATE_FORMAT}: it was written by another version of mrpo`,
  );
}
