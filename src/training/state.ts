/** What of the control plane decides the rest of a training, as a checkpoint keeps it beside the trainer's own state. */
import type { TokenBudgetState } from './token-budget.js';

/** Values that a training continues from; JSON-safe. */
export interface TrainingState {
  /** Optimizer steps that are done: schedule, order of the pairs and seeds all follow from it. */
  readonly step: number;
  /** Whether the evaluation that is due after this step has been made. */
  readonly evaluated: boolean;
  /** Absent in checkpoints of earlier versions. */
  readonly secondsSinceEvaluation?: number | undefined;
  readonly tokenBudget: TokenBudgetState;
  /** Tokens from which a forward is at full speed, as the step runner uses it. */
  readonly saturatingTokens: number;
  /** Steps in a row, up to now, whose gradient was not finite. */
  readonly skippedInARow: number;
  /** What the objective has learnt; absent for one that learns nothing. */
  readonly objective?: unknown;
}
