/** What the journal of a run holds: one object a line, the service's and the run's own process's. */
import type { ErrorCode } from '../../core/errors.js';
import type { RunEvent } from '../../store/events.js';
import type { HelpAnswer, HelpLine } from './help.js';

/** All states of a run, those of a normal course first. */
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

/** State of a run as users see it. */
export type RunState = (typeof RUN_STATES)[number];

/** Why a run has failed, by whose turn it is to do something about it. */
export const FAILURE_CLASSES = ['USER', 'DATA', 'RESOURCE', 'BACKEND', 'CONTROL_PLANE'] as const;
/** One of {@link FAILURE_CLASSES}. */
export type FailureClass = (typeof FAILURE_CLASSES)[number];

/** Why a run has failed, for programs and for people. */
export interface Failure {
  readonly class: FailureClass;
  /** Machine-readable, e.g. the code or reason of the error. */
  readonly reason: string;
  readonly message: string;
  readonly hint?: string | undefined;
  /** Whether the same order may succeed another time. */
  readonly retryable: boolean;
  /** Of the error. */
  readonly code?: ErrorCode | undefined;
}

/** pause: to go on with ResumeRun; cancel: for good; suspend: the service stops and goes on with the run when it is back. */
export type Asked = 'pause' | 'cancel' | 'suspend';

/** How an attempt ended. stopped: it was asked to, by a signal; cancelled: by its own configuration. */
export type AttemptOutcome = 'succeeded' | 'failed' | 'stopped' | 'cancelled';

/** What the service writes. */
export type ServiceLine =
  | { readonly type: 'ordered'; readonly actor: string }
  | { readonly type: 'asked'; readonly what: Asked; readonly actor: string; readonly reason?: string | undefined }
  /** Back into the queue. */
  | { readonly type: 'resumed-by'; readonly actor: string }
  /** A process is about to start. */
  | { readonly type: 'attempt'; readonly attempt: number; readonly backend: string }
  | HelpAnswer
  /** The process of the run has ended without recording a status. away: that says nothing against the run. */
  | { readonly type: 'lost'; readonly reason: string; readonly away: boolean };

/** What the process of the run writes. */
export type WorkerLine =
  | Exclude<RunEvent, { readonly type: 'started' | 'finished' }>
  | HelpLine
  /** The last line of an attempt. */
  | {
      readonly type: 'ended';
      readonly outcome: AttemptOutcome;
      readonly reason?: string | undefined;
      readonly failure?: Failure | undefined;
    };

/** A line without its time. */
export type NewLine = ServiceLine | WorkerLine;

/** `at`: milliseconds since 1970. */
export type JournalLine = NewLine & { readonly at: number };
