/** How references get their weights: the part of an objective that may learn from past batches. */

/** Log-probs of B pairs under K references, in the unit the weights compare. */
export interface WeightingView {
  readonly size: number;
  readonly chosen: readonly Float64Array[];
  readonly rejected: readonly Float64Array[];
  /** Length B: each row's place within its optimizer step, where the caller knows it. */
  readonly positions?: Int32Array | undefined;
}

/** Weights of K references, row by row. Members that are absent mean that it learns nothing of that kind. */
export interface Weighting {
  /** K columns of length B; every row adds up to 1. */
  columns(view: WeightingView): Float64Array[];
  /** Once before training, with held-out pairs (VDW, VAW). */
  fit?(view: WeightingView): void;
  /** After each optimizer step, with the step's pairs (SWCW). */
  observe?(view: WeightingView): void;
  /** After each optimizer step, with accuracies before and after it (TSW). */
  reward?(accuracyBefore: number, accuracyAfter: number): void;
  /** JSON-safe state, and its way back. */
  state?(): unknown;
  restore?(state: unknown): void;
}
