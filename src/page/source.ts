/** What the page shows runs from: the service, or run folders alone. */
import type { StoredRun } from '../store/run-folder.js';

/** What a page can ask of a run. */
export type RunVerb = 'cancel' | 'pause' | 'resume';

/** A run in a list. States are the service's, in capitals. */
export interface RunSummary {
  readonly id: string;
  readonly state: string;
  readonly phase: string;
  readonly reason?: string | undefined;
  readonly hint?: string | undefined;
  readonly labels: Readonly<Record<string, string>>;
  readonly step: number;
  /** 0 = not known. */
  readonly totalSteps: number;
  readonly etaSeconds: number;
  readonly stalled: boolean;
  /** What it does just now, in words. */
  readonly work: string;
  readonly queuePosition: number;
  readonly createdAt: string;
  readonly endedAt?: string | undefined;
  /** Of the newest step and evaluation, TRL's names. */
  readonly measures: Readonly<Record<string, number>>;
  readonly evaluation: Readonly<Record<string, number>>;
  /** What the caller may do to it in this state. */
  readonly verbs: readonly RunVerb[];
  readonly ended: boolean;
}

/** One event of a run as a line of text; `seq` counts from 1, `time` is ISO 8601. */
export interface PageEvent {
  readonly seq: number;
  readonly time: string;
  readonly kind: string;
  readonly text: string;
}

/** Whoever asks, as far as the page knows. */
export interface Caller {
  readonly token: string | undefined;
}

/** Gives runs to the page, and decides what each caller may see and do. */
export interface PageSource {
  /** @throws MrpoError or {@link PageError} for a caller who may not look. */
  info(caller: Caller): Promise<{ readonly version: string; readonly role: string; readonly controls: boolean }>;
  /** Newest first. */
  list(caller: Caller): Promise<readonly RunSummary[]>;
  get(caller: Caller, id: string): Promise<RunSummary>;
  /** The run folder, if the run has one yet. */
  stored(caller: Caller, id: string): Promise<StoredRun | undefined>;
  /** Path of its metrics file, there or not. */
  metricsFile(caller: Caller, id: string): Promise<string>;
  /** Those behind `after`, without the steps. */
  events(caller: Caller, id: string, after: number): Promise<readonly PageEvent[]>;
  act(caller: Caller, id: string, verb: RunVerb): Promise<RunSummary>;
}

/** An answer that is no page: its HTTP status and what to tell. */
export class PageError extends Error {
  readonly status: number;
  readonly hint: string | undefined;

  constructor(status: number, message: string, hint?: string) {
    super(message);
    this.status = status;
    this.hint = hint;
  }
}
