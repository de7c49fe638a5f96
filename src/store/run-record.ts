/** `run.json`: what a run is, how far it came, and the facts that a result needs beside it. */
import type { LoadedModel, ServerInfo } from '../backend/backend.js';
import type { Metrics } from '../objectives/metrics.js';
import type { TrackerFacts } from '../trackers/trackers.js';

export type RunStage = 'start' | 'data' | 'backend' | 'references' | 'load' | 'samples' | 'train' | 'export' | 'done';

export type RunStatus = 'pending' | 'running' | 'succeeded' | 'failed' | 'cancelled';

export interface RunRecord {
  /** Of the layout of this file and its folder. */
  readonly format: 1;
  readonly id: string;
  readonly status: RunStatus;
  /** Why it failed or was cancelled; absent otherwise. */
  readonly reason?: string | undefined;
  readonly hint?: string | undefined;
  /** The part of the run at work. */
  readonly stage: RunStage;
  readonly createdAt: string;
  /** Of every start, the first included; the last one is at work or has ended the run. */
  readonly attempts: readonly AttemptFacts[];
  readonly finishedAt?: string | undefined;
  readonly configHash: string;
  readonly mrpoVersion: string;
  readonly machine: {
    readonly host: string;
    readonly platform: string;
    readonly node: string;
    readonly processId: number;
  };
  readonly backend?: BackendFacts | undefined;
  /** What `mrpo plan` would have said, made before anything was loaded. */
  readonly plan?: PlanFacts | undefined;
  readonly policy?: ModelFacts | undefined;
  readonly references?: readonly ReferenceFacts[] | undefined;
  readonly data?: DataFacts | undefined;
  readonly training?: TrainingFacts | undefined;
  /** Where the trained weights are kept when the export has failed; absent otherwise. */
  readonly keptWeights?: string | undefined;
  /** Held-out pairs before the first update and at the last evaluation; `lengthBaseline` and the like are in `data`. */
  readonly evaluation?: { readonly before: Metrics; readonly after: Metrics; readonly afterStep: number } | undefined;
  /** Experiment trackers that the run reports to; absent without any. */
  readonly trackers?: readonly TrackerFacts[] | undefined;
  /** Wall time of each finished stage, seconds. */
  readonly seconds: Readonly<Record<string, number>>;
  /** Of the backend, bytes; the largest seen. */
  readonly peakMemoryBytes: number;
}

export interface AttemptFacts {
  /** recovery: by the run itself after its backend had failed; resume: on request. */
  readonly kind: 'start' | 'resume' | 'recovery';
  readonly startedAt: string;
  readonly processId: number;
  /** Why the attempt before has ended; absent for the first. */
  readonly reason?: string | undefined;
  /** Step of the checkpoint that it went on from; 0 = it began at the start. */
  readonly fromStep: number;
  /** Steps of the attempt before that had to be done again, and the time they had taken, seconds. */
  readonly lostSteps: number;
  readonly lostSeconds: number;
}

export type BackendFacts = Pick<
  ServerInfo,
  'serverVersion' | 'device' | 'deviceName' | 'deviceMemoryBytes' | 'threads' | 'versions'
>;

export interface PlanFacts {
  readonly memoryBytes: number;
  readonly secondsPerStep: number;
  readonly steps: number;
  readonly checkpointing: string;
  /** Prompt and response tokens whose activations are held at once. */
  readonly microBatchTokens: number;
  /** What the time rests on. */
  readonly basis: string;
}

export type ModelFacts = Omit<LoadedModel, 'handle'>;

export interface ReferenceFacts {
  readonly name: string;
  readonly model: string;
  /** Rows scored for this run, and rows that the cache already knew. */
  readonly scored: number;
  readonly cached: number;
}

export interface DataFacts {
  readonly file: string;
  readonly format: string;
  readonly trainingPairs: number;
  readonly heldOutPairs: number;
  /** Rows left out, by reason: "too_long": 3. */
  readonly dropped: Readonly<Record<string, number>>;
  /** Training and held-out pairs that the length limit shortened for the policy. */
  readonly truncated: number;
  /** Share of held-out pairs whose chosen response is longer in UTF-8 bytes: the accuracy of preferring length. */
  readonly longerIsChosen: number;
}

export interface TrainingFacts {
  readonly steps: number;
  readonly totalSteps: number;
  readonly trainableParameters: number;
  readonly trainedModules: readonly string[];
  readonly checkpointing: string;
  /** The same, as the backend advised. */
  readonly microBatchTokens: number;
  /** Prompt and response tokens of all steps. */
  readonly tokens: number;
  readonly skippedSteps: number;
}
