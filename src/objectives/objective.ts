/**
 * What training, evaluation and the what-if sweeps know of a loss: columns of numbers in, loss and `dL/dlogp` out.
 * Everything method-specific (DPO, Multi-DPO, MRPO, a user's own function) sits behind {@link Objective}.
 */

/** Sequence log-probabilities of one side (chosen or rejected) of B pairs, in nats, summed over response tokens. */
export interface ResponseColumns {
  /** Length B: sum of log-probs of the response, each <= 0. */
  readonly logps: Float64Array;
  /** Length B: response tokens that the sum runs over, under this model's own tokenizer, each >= 1. */
  readonly tokens: Float64Array;
}

/** One model's view of B pairs. */
export interface ModelColumns {
  readonly chosen: ResponseColumns;
  readonly rejected: ResponseColumns;
}

/** A batch of B pairs: the policy, K references in configuration order (the first is RefM1), and text lengths. */
export interface PairBatch {
  readonly size: number;
  readonly policy: ModelColumns;
  readonly references: readonly ModelColumns[];
  /** Length B: UTF-8 bytes of the response text; only the per-byte normalisation reads them. */
  readonly chosenBytes: Float64Array;
  readonly rejectedBytes: Float64Array;
  /** Names rows in error messages: row i of this batch is row `rowIds[i]` of the user's data. */
  readonly rowIds?: readonly (string | number)[];
}

/** What an objective says of a batch. Values are per pair and undivided: whoever steps divides by the step's pairs. */
export interface ObjectiveResult {
  /** Length B: loss of each pair. */
  readonly losses: Float64Array;
  /** Length B: +dL_i/dlogp of the chosen and of the rejected response under the policy. */
  readonly gradChosen: Float64Array;
  readonly gradRejected: Float64Array;
  /** Length B: implicit rewards beta * (policy - reference) of each response, as the objective itself sees them. */
  readonly rewardsChosen: Float64Array;
  readonly rewardsRejected: Float64Array;
  /** Length B: log-probs of the virtual reference (RefM1 for DPO; NaN where the objective has no reference). */
  readonly referenceChosen: Float64Array;
  readonly referenceRejected: Float64Array;
  /** K columns of length B: weight alpha_k of each reference. Empty for a reference-free loss. */
  readonly weights: readonly Float64Array[];
  /** K columns of length B: 1 where the reference's chosen (rejected) log-prob was clipped, else 0. */
  readonly clippedChosen: readonly Float64Array[];
  readonly clippedRejected: readonly Float64Array[];
}

/** A preference loss ready to use. Stateful weightings (SWCW, TSW) keep their state in {@link Objective.state}. */
export interface Objective {
  readonly name: string;
  /** How many references a batch must bring; `undefined` = any number from 1. */
  readonly references: number | undefined;
  evaluate(batch: PairBatch): ObjectiveResult;
  /** Called once after each optimizer step with the step's pairs, for weightings that learn from past batches. */
  observe?(batch: PairBatch): void;
  /** JSON-safe state for checkpoints, and its way back. Absent for stateless objectives. */
  state?(): unknown;
  restore?(state: unknown): void;
}
