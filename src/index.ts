/**
 * The public API of mrpo: align a language model with human preferences while several references keep it in check.
 *
 * Start with {@link startRun}; {@link openBackend} and {@link createObjective} are the parts for a loop of your own.
 */
export { loadConfig, type LoadConfigOptions, type LoadedConfig, type RunConfig, type RunConfigInput } from './config/index.js';
export { BackendFault, type FaultReason } from './backend/fault.js';
export { createMemoryBackend } from './backend/memory.js';
export { openBackend, type OpenOptions } from './backend/open.js';
export type {
  Backend,
  CommitResult,
  ForwardResult,
  Generation,
  LoadedModel,
  ModelSpec,
  PairText,
  Progress,
  RowSet,
  ServerInfo,
  TokenRule,
  Trainer,
  TrainerSpec,
} from './backend/backend.js';
export { MrpoError, type ErrorCode } from './core/errors.js';
export { loadData, readPreferenceData, type PreferenceData, type PreferencePair } from './data/index.js';
export { createObjective } from './objectives/create-objective.js';
export type { Objective, ObjectiveResult, PairBatch } from './objectives/objective.js';
export { readRun, writeComparison, type Run, type RunEvent, type RunRecord, type RunResult, type StartOptions, type StoredRun } from './runs/index.js';
export type { ConfigSource } from './sdk/load-any.js';
export { startRun } from './sdk/start-run.js';
