/** What the journal of a run holds: one object a line, the service's and the run's own process's. */
import type { RunEvent } from '../../store/events.js';

export const RUN_STATES = [
  'PENDING',
  'PREPARING',
  'RUNNING',
  'PAUSED',
  'RECOVERING',
  'CANCELLING',
  'SUCCEEDED',
  'FAILED',
  'CANCELLED',
] as const;

export type RunState = (typeof RUN_STATES)[number];

/** Why a run has failed, by whose turn it is to do something about it. */
export const FAILURE_CLASSES = ['USER', 'DATA', 'RESOURCE', 'BACKEND', 'CONTROL_PLANE'] as const;
export type FailureClass = (typeof FAILURE_CLASSES)[number];

export interface Failure {
  readonly class: FailureClass;
  readonly reason: string;
  readonly message: string;
  readonly hint?: string | undefined;
  readonly retryable: boolean;
}

/** pause: to go on with ResumeRun; cancel: for good; suspend: the service stops and goes on with the run when it is back. */
export type Asked = 'pause' | 'cancel' | 'suspend';

/** How an attempt ended. stopped: it was asked to, by a signal; cancelled: by its own configuration. */
export type Outcome = 'succeeded' | 'failed' | 'stopped' | 'cancelled';

export type ServiceLine =
  | { readonly type: 'ordered'; readonly actor: string }
  | { readonly type: 'asked'; readonly what: Asked; readonly actor: string; readonly reason?: string | undefined }
  /** Back into the queue. */
  | { readonly type: 'resumed-by'; readonly actor: string }
  /** A process is about to start. */
  | { readonly type: 'attempt'; readonly attempt: number; readonly backend: string }
  /** The process of the run has gone without a word. away: while the service was not there to see why. */
  | { readonly type: 'lost'; readonly reason: string; readonly away: boolean };

export type WorkerLine =
  | Exclude<RunEvent, { readonly type: 'started' | 'finished' }>
  /** The last line of an attempt. */
  | {
      readonly type: 'ended';
      readonly outcome: Outcome;
      readonly reason?: string | undefined;
      readonly failure?: Failure | undefined;
    };

export type Line = ServiceLine | WorkerLine;

/** `at`: milliseconds since 1970. */
export type JournalLine = Line & { readonly at: number };
