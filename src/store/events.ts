/** What a run says while it goes on. */
import type { StepEvent } from '../training/train.js';
import type { Metrics } from '../objectives/metrics.js';
import type { RunStage, RunStatus } from './run-record.js';

/** One thing that happened in a run, in the order in which it happened. */
export type RunEvent =
  /** The run folder exists and work begins. */
  | { readonly type: 'started'; readonly id: string; readonly folder: string }
  /** Another part of the run begins. */
  | { readonly type: 'stage'; readonly stage: RunStage }
  /** Long work: `done` of `total` (0 = not known) in `unit`s. `what` tells which model or file. */
  | {
      readonly type: 'progress';
      readonly stage: RunStage;
      /** What of the stage it is, in a word: "load", "score". */
      readonly work: string;
      readonly what: string;
      readonly done: number;
      readonly total: number;
      readonly unit: string;
    }
  /** Something the user should know: dropped rows, smaller micro-batches, a fallback. */
  | { readonly type: 'note'; readonly message: string }
  | (StepEvent & { readonly etaSeconds: number })
  | { readonly type: 'evaluation'; readonly step: number; readonly epoch: number; readonly measures: Metrics }
  /** The run goes on behind this step, from a checkpoint. */
  | { readonly type: 'resumed'; readonly step: number }
  /** The backend has failed; after the pause the run goes on from its last checkpoint, or begins again without one. */
  | { readonly type: 'recovery'; readonly reason: string; readonly pauseSeconds: number }
  /** The last event. */
  | {
      readonly type: 'finished';
      readonly status: RunStatus;
      readonly folder: string;
      readonly reason?: string | undefined;
    };
