/** What the page shows runs from: the service, or run folders alone. */
import type { StoredRun } from '../store/run-folder.js';

/** What a caller can ask of a run. */
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

/** Something that happened to a run, in a line. */
export interface PageEvent {
  readonly seq: number;
  readonly time: string;
  readonly kind: string;
  readonly text: string;
}

/** What is new of a run. */
export interface PageNews {
  readonly run?: RunSummary | undefined;
  /** Without the steps: the metrics have them. */
  readonly events?: readonly PageEvent[] | undefined;
}

/** Whoever asks, as far as the page knows. */
export interface PageCaller {
  readonly token: string | undefined;
}

/** Runs, as far as a caller may see them. Each call throws a {@link PageError} for one who may not. */
export interface PageSource {
  /** @throws MrpoError or {@link PageError} for a caller who may not look. */
  info(caller: PageCaller): Promise<{ readonly version: string; readonly role: string; readonly controls: boolean }>;
  /** Newest first. */
  list(caller: PageCaller): Promise<readonly RunSummary[]>;
  get(caller: PageCaller, id: string): Promise<RunSummary>;
  /** The run folder, if the run has one yet. */
  stored(caller: PageCaller, id: string): Promise<StoredRun | undefined>;
  /** Path of its metrics file, there or not. */
  metricsFile(caller: PageCaller, id: string): Promise<string>;
  /** At first how it is and what has happened, then every change, until the run has ended or the signal fires. */
  follow(caller: PageCaller, id: string, signal: AbortSignal): AsyncIterable<PageNews>;
  act(caller: PageCaller, id: string, verb: RunVerb): Promise<RunSummary>;
  /** What Prometheus asks for; absent where nothing is measured. */
  metrics?(caller: PageCaller): Promise<string>;
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
