/** Objectives: the losses of src/math behind one interface, with their state, checks and metrics. */
export { checkGradient, type GradientCheck } from './check-gradient.js';
export { createObjective, type ObjectiveContext } from './create-objective.js';
export type { CustomLogps, CustomLoss, CustomLossValue, CustomPair } from './custom-loss.js';
export { explainRow, type ExplainedRow, type PairOfNumbers } from './explain-row.js';
export { createMetricSums, metricsOf, type Metrics } from './metrics.js';
export type { ModelColumns, Objective, ObjectiveResult, PairBatch, ResponseColumns } from './objective.js';
