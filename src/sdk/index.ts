/** What programs and the CLI do with runs. */
export { loadConfig, type LoadedConfig } from '../config/index.js';
export {
  exportRun,
  generate,
  isRunFolder,
  modelOf,
  readRun,
  trainedModel,
  writeComparison,
  writeRunReport,
} from '../runs/index.js';
export type {
  ExportRequest,
  GenerateRequest,
  ModelEvaluation,
  Run,
  RunEvent,
  RunRecord,
  RunResult,
  RunStage,
  RunStatus,
  SessionOptions,
  SessionStep,
  StartOptions,
  StoredRun,
  TrainingSession,
} from '../runs/index.js';
export type { Metrics } from '../objectives/metrics.js';
export { evaluate, evaluateModel, evaluateRun, type EvaluateOptions } from './evaluate.js';
export { evaluateTasks, type TaskOptions, type TaskReport } from './evaluate-tasks.js';
export { loadAny, type ConfigSource } from './load-any.js';
export { prepareTraining } from './prepare-training.js';
export { resumeRun, type ResumeOptions } from './resume-run.js';
export { startRun } from './start-run.js';
