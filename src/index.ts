/**
 * The public API of mrpo: align a language model with human preferences while several references keep it in check.
 *
 * Start with {@link startRun}; {@link openBackend} and {@link createObjective} are the parts for a loop of your own.
 */

// Runs: from a configuration to a folder.
export {
  loadConfig,
  type LoadConfigOptions,
  type LoadedConfig,
  type RunConfig,
  type RunConfigInput,
} from './config/index.js';
export {
  evaluateModel,
  evaluateRun,
  exportRun,
  generate,
  prepareTraining,
  readRun,
  resumeRun,
  startRun,
  writeComparison,
  writeRunReport,
  type ConfigSource,
  type EvaluateOptions,
  type ExportRequest,
  type GenerateRequest,
  type Metrics,
  type ModelEvaluation,
  type Run,
  type RunEvent,
  type RunRecord,
  type RunResult,
  type RunStage,
  type RunStatus,
  type SessionOptions,
  type SessionStep,
  type StartOptions,
  type StoredRun,
  type TrainingSession,
} from './sdk/index.js';

// Runs of a service (mrpo serve), in another process or on another machine.
export { connect, type CreateOptions, type ListRunsOptions, type RunsClient } from './service/client/connect.js';
export type { ConnectServiceOptions } from './service/client/dial.js';
export type { RunState, ServiceEvent, ServiceRun } from './service/client/values.js';
export type { WatchOptions } from './service/client/watch.js';
export { RunsFault, type RunsReason } from './service/fault.js';

// Data.
export {
  loadData,
  readPairs,
  readPreferenceData,
  splitPairs,
  type PreferenceData,
  type PreferencePair,
  type RunData,
} from './data/index.js';

// References: scored once, cached for ever.
export {
  openLogpCache,
  scoreReferences,
  type CacheOptions,
  type LogpCache,
  type ReferenceScores,
  type ScoredReference,
  type ScoreReferencesOptions,
} from './references/index.js';

// The loss.
export { createObjective, type ObjectiveContext } from './objectives/create-objective.js';
export type { CustomLoss, CustomLossValue, CustomPair } from './objectives/custom-loss.js';
export type { Sides } from './core/sides.js';
export type { ModelColumns, Objective, ObjectiveResult, PairBatch } from './objectives/objective.js';

// The accelerator.
export type {
  Backend,
  CommitRequest,
  CommitResult,
  ForwardRequest,
  ForwardResult,
  Generation,
  LoadedModel,
  Message,
  ModelSpec,
  PairText,
  Progress,
  RowFacts,
  RowSet,
  ScoreChunk,
  ServerInfo,
  TokenRule,
  Trainer,
  TrainerSpec,
} from './backend/backend.js';
export { BackendFault, type FaultReason } from './backend/fault.js';
export { createMemoryBackend, type MemoryBackendOptions } from './backend/memory.js';
export { openBackend, type OpenBackendOptions } from './backend/open.js';

// What is thrown.
export { MrpoError, type ErrorCode, type MrpoErrorOptions } from './core/errors.js';
