/** Experiments: matrices of runs, the paper's tables and figures among them, and honest statistics of what came out. */
export { compareMethods, type Comparison, type Verdict } from './comparisons.js';
export { dryRun, type DryRunCheck } from './dry-run.js';
export { openExperiment, renderExperiment, runExperiment, type Experiment } from './experiment.js';
export { checkMatrix, readMatrix, type Matrix, type MatrixInput } from './matrix.js';
export { openMiniatureWorld } from './miniature-world.js';
export { ACCURACIES } from './outcome.js';
export { PAPER, VIEWS } from './paper/tables.js';
export { planExperiment, type ExperimentPlan } from './plan.js';
export type { MatrixResults } from './results.js';
export type { CellEvent, CellsSummary } from './run-cells.js';
export { miniature, paper, SCALE_NAMES, small, type Scale, type ScaleName } from './scales/index.js';
