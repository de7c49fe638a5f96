/** `run.json`: what a run is, how far it came, and the facts that a result needs beside it. */
import type { LoadedModel, ServerInfo } from '../backend/backend.js';
import type { Metrics } from '../objectives/metrics.js';
import type { TrackerFacts } from '../trackers/trackers.js';

/** Parts of a run in their order; `start` before the first, `done` only after success. */
export type RunStage = 'start' | 'data' | 'backend' | 'references' | 'load' | 'samples' | 'train' | 'export' | 'done';

/** `running` is what the process itself wrote: one that was killed is found by its process id, see `readRun`. */
export type RunStatus = 'pending' | 'running' | 'succeeded' | 'failed' | 'cancelled';

/** Content of `run.json`. Facts are absent until the run has found them out. Times are ISO 8601 in UTC. */
export interface RunRecord {
  /** Of the layout of this file and its folder. */
  readonly format: 1;
  /** Time of the start and a random part; unique among runs. */
  readonly id: string;
  readonly status: RunStatus;
  /** Why it failed or was cancelled; absent otherwise. */
  readonly reason?: string | undefined;
  /** What the user can do about the reason. */
  readonly hint?: string | undefined;
  /** The part of the run at work. */
  readonly stage: RunStage;
  readonly createdAt: string;
  /** Of every start, the first included; the last one is at work or has ended the run. */
  readonly attempts: readonly AttemptFacts[];
  readonly finishedAt?: string | undefined;
  /** SHA-256 of the settings that decide the result, see `configHash`. */
  readonly configHash: string;
  readonly mrpoVersion: string;
  readonly machine: {
    readonly host: string;
    readonly platform: string;
    readonly node: string;
    readonly processId: number;
  };
  /** Absent until the backend has answered. */
  readonly backend?: BackendFacts | undefined;
  /** What `mrpo plan` would have said, made before anything was loaded. */
  readonly plan?: PlanFacts | undefined;
  /** Absent until the policy is loaded. */
  readonly policy?: ModelFacts | undefined;
  /** One entry per reference, in configuration order; absent until all are scored. */
  readonly references?: readonly ReferenceFacts[] | undefined;
  readonly data?: DataFacts | undefined;
  /** Absent until training has ended. */
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

/** One start of a run's process, or one restart after its backend had failed. */
export interface AttemptFacts {
  /** recovery: by the run itself after its backend had failed; resume: on request. */
  readonly kind: 'start' | 'resume' | 'recovery';
  readonly startedAt: string;
  /** Of the process that conducts the run, not of its backend. */
  readonly processId: number;
  /** Why the attempt before has ended; absent for the first. */
  readonly reason?: string | undefined;
  /** Step of the checkpoint that it went on from; 0 = it began at the start. */
  readonly fromStep: number;
  /** Steps of the attempt before that had to be done again, and the time they had taken, seconds. */
  readonly lostSteps: number;
  readonly lostSeconds: number;
}

/** The backend that the run was computed on. Memory in bytes. */
export type BackendFacts = Pick<
  ServerInfo,
  'serverVersion' | 'device' | 'deviceName' | 'deviceMemoryBytes' | 'threads' | 'versions'
>;

/** What was expected before anything was loaded. */
export interface PlanFacts {
  /** Of the device, all parts of the run together. */
  readonly memoryBytes: number;
  readonly secondsPerStep: number;
  readonly steps: number;
  /** Which activations are computed again: "off", "selective" or "full". */
  readonly checkpointing: string;
  /** Prompt and response tokens whose activations are in memory at once. */
  readonly microBatchTokens: number;
  /** Where the figures of the device come from. */
  readonly basis: string;
}

/** The policy as the backend loaded it. */
export type ModelFacts = Omit<LoadedModel, 'handle'>;

/** One reference and the work it caused. */
export interface ReferenceFacts {
  /** As in metrics and reports. */
  readonly name: string;
  /** As the configuration names it; "policy" for the policy as it starts. */
  readonly model: string;
  /** Rows scored for this run, and rows that the cache already knew. */
  readonly scored: number;
  readonly cached: number;
}

/** The pairs that are trained and evaluated on. */
export interface DataFacts {
  readonly file: string;
  readonly format: string;
  readonly trainingPairs: number;
  readonly heldOutPairs: number;
  /** Rows without a pair and pairs that a model cannot take, by reason: "too_long under the policy": 3. */
  readonly dropped: Readonly<Record<string, number>>;
  /** Training and held-out pairs that the length limit shortened for the policy. */
  readonly truncated: number;
  /** Share of held-out pairs whose chosen response is longer in UTF-8 bytes: the accuracy of preferring length. */
  readonly longerIsChosen: number;
}

/** What training did. */
export interface TrainingFacts {
  /** Optimizer steps that were done. */
  readonly steps: number;
  /** Optimizer steps of the whole schedule. */
  readonly totalSteps: number;
  readonly trainableParameters: number;
  readonly trainedModules: readonly string[];
  /** Which activations were computed again: "off", "selective" or "full". */
  readonly checkpointing: string;
  /** Prompt and response tokens whose activations are in memory at once, as the backend advised. */
  readonly microBatchTokens: number;
  /** Prompt and response tokens of all steps. */
  readonly tokens: number;
  /** Steps that changed nothing because the gradient was not finite. */
  readonly skippedSteps: number;
  /** What the same run, or one that was resumed, gives again: the same bits, or the same but for a GPU's rounding. */
  readonly repeatable: 'bit for bit' | 'up to rounding';
}
