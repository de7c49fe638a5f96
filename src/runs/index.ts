/** Runs: one experiment from a configuration to a folder that a person can read. */
export type { RunEvent } from './events.js';
export { readRun, RUN_FILES, type RunFolder, type StoredRun } from './run-folder.js';
export type { BackendFacts, DataFacts, ModelFacts, ReferenceFacts, RunRecord, RunStage, RunStatus, TrainingFacts } from './run-record.js';
export type { Sample } from './samples.js';
export { startRun, type Run, type RunResult, type StartOptions } from './start-run.js';
export { writeComparison, writeRunReport } from './write-run-report.js';
