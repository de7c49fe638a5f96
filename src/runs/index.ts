/** Runs: one experiment from a configuration to a folder that a person can read. */
export { evaluateHeldOut, type EvaluateRequest, type ModelEvaluation } from './evaluate-model.js';
export { evaluateModelTasks, type EvaluateTasksRequest, type ModelTaskEvaluation } from './evaluate-tasks.js';
export type { RunEvent } from '../store/events.js';
export { exportRun, type ExportRequest } from './export-run.js';
export { generate, type GenerateRequest } from './generate.js';
export { isRunFolder, readRun, RUN_FILES, type RunFolder, type StoredRun } from '../store/run-folder.js';
export { modelOf, trainedModel } from './run-model.js';
export type {
  BackendFacts,
  DataFacts,
  ModelFacts,
  ReferenceFacts,
  RunRecord,
  RunStage,
  RunStatus,
  TrainingFacts,
} from '../store/run-record.js';
export type { Sample } from './samples.js';
export {
  openTrainingSession,
  type SessionOptions,
  type SessionStep,
  type TrainingSession,
} from './training-session.js';
export {
  continueRun,
  beginRun,
  type ContinueOptions,
  type Run,
  type RunResult,
  type StartOptions,
} from './start-run.js';
export { writeComparison, writeRunReport } from './write-run-report.js';
export type { SharedBackend } from './with-backend.js';
