/**
 * What training, evaluation and the what-if sweeps know of a loss: columns of numbers in, loss and `dL/dlogp` out.
 * Everything method-specific (DPO, Multi-DPO, MRPO, a user's own function) sits behind {@link Objective}.
 */
import type { Sides } from '../core/sides.js';

/** Sequence log-probabilities of one side (chosen or rejected) of B pairs, in nats, summed over response tokens. */
export interface ResponseColumns {
  /** Length B: sum of log-probs of the response, each <= 0. */
  readonly logps: Float64Array;
  /** Length B: response tokens that the sum runs over, under this model's own tokenizer, each >= 1. */
  readonly tokens: Float64Array;
}

/** One model's view of B pairs. */
export type ModelColumns = Sides<ResponseColumns>;

/** A batch of B pairs: the policy, K references in configuration order (the first is RefM1), and text lengths. */
export interface PairBatch {
  readonly size: number;
  readonly policy: ModelColumns;
  readonly references: readonly ModelColumns[];
  /** Length B: UTF-8 bytes of the response text; only the per-byte normalisation reads them. */
  readonly bytes: Sides<Float64Array>;
  /** Names rows in error messages: row i of this batch is row `rowIds[i]` of the user's data. */
  readonly rowIds?: readonly (string | number)[];
  /**
   * Length B: the place of each row within its optimizer step, 0 to step size - 1, whatever micro-batch carries it.
   * Only SWCW reads it (row i of a step uses row i of the step before); leave it out when evaluating.
   */
  readonly positions?: Int32Array;
  /** Length B: nats below which a difference of the policy's log-probs is rounding. Only accuracies read it. */
  readonly noise?: Float64Array;
}

/** What an objective says of a batch. Values are per pair and undivided: whoever steps divides by the step's pairs. */
export interface ObjectiveResult {
  /** Length B: loss of each pair. */
  readonly losses: Float64Array;
  /** Length B: +dL_i/dlogp of each response under the policy, with respect to its summed log-prob. */
  readonly gradients: Sides<Float64Array>;
  /** Length B: m_i, what the loss is a function of. For Multi-DPO, which has one per reference, that of RefM1. */
  readonly margins: Float64Array;
  /**
   * Length B: implicit rewards beta * (policy - reference) of each response, as the objective itself sees them
   * (Multi-DPO: against RefM1, as the paper; SimPO: beta * policy; forward-KL: -beta * mixture / policy).
   */
  readonly rewards: Sides<Float64Array>;
  /** Length B: log-probs of the virtual reference (RefM1 for DPO; NaN where the objective has no reference). */
  readonly virtual: Sides<Float64Array>;
  /** K columns of length B: weight alpha_k of each reference. Empty for a reference-free loss. */
  readonly weights: readonly Float64Array[];
  /** Length B: half-width of the trust region of each response (Eq. 9); NaN where nothing is clipped. */
  readonly epsilon: Sides<Float64Array>;
  /** K columns of length B: the references' log-probs after clipping (Eq. 8). Empty for a reference-free loss. */
  readonly clipped: Sides<readonly Float64Array[]>;
  /** K columns of length B: 1 where clipping changed the reference's log-prob, else 0. */
  readonly isClipped: Sides<readonly Float64Array[]>;
}

/**
 * A preference loss ready to use. Log-probs in results are in the unit of `objective.normalization`; gradients are
 * always with respect to the summed log-probs of the batch.
 *
 * `evaluate` never changes the objective, so it may be called in any order and split into micro-batches at will. What
 * a weighting learns comes in through three hooks, each present only where it is needed:
 * - `fit` once before training, with held-out pairs (VDW, VAW);
 * - `observe` after each optimizer step, with all pairs of the step (SWCW, SWCW one-hot, AlphaDPO);
 * - `reward` after each optimizer step, with the policy's accuracy before and after it on one and the same random
 *   subsample of held-out pairs, drawn anew for every step (TSW).
 * What they learnt is in {@link Objective.state}, for checkpoints.
 */
export interface Objective {
  readonly name: string;
  /** How many references a batch must bring; `undefined` = any number from 1. */
  readonly references: number | undefined;
  evaluate(batch: PairBatch): ObjectiveResult;
  /** Only reads the references' log-probs of the held-out pairs; the policy's columns may hold anything valid. */
  fit?(validation: PairBatch): void;
  observe?(batch: PairBatch): void;
  /** Accuracies: share of pairs with a higher log-prob per token for the chosen response, in [0, 1]. */
  reward?(accuracyBefore: number, accuracyAfter: number): void;
  /** JSON-safe state for checkpoints, and its way back. Absent for stateless objectives. */
  state?(): unknown;
  restore?(state: unknown): void;
}
