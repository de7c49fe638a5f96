/** One pair of a result with every stage on the way to its loss: what `mrpo explain` prints. */
import type { ObjectiveResult } from './objective.js';

/** [chosen, rejected]. */
export type Sides = readonly [number, number];

/** Numbers in the unit of `objective.normalization`, except the gradient (per nat of the summed log-probs). */
export interface ExplainedRow {
  /** Half-widths of the trust region (Eq. 9); NaN (null in JSON) where nothing is clipped. */
  readonly epsilon: Sides;
  /** Each reference's log-probs after clipping (Eq. 8), the first unchanged. */
  readonly clipped: readonly Sides[];
  /** Weight of each reference (Eq. 10 or whatever the objective uses). */
  readonly weights: readonly number[];
  /** Log-probs of the virtual reference (Prop. 1); null for a reference-free loss. */
  readonly virtual: Sides | null;
  readonly margin: number;
  readonly loss: number;
  /** +dL/dlogp of the policy's two summed log-probs. */
  readonly gradient: Sides;
}

export function explainRow(result: ObjectiveResult, row: number): ExplainedRow {
  const sides = (chosen: Float64Array, rejected: Float64Array): Sides => [chosen[row]!, rejected[row]!];
  return {
    epsilon: sides(result.epsilonChosen, result.epsilonRejected),
    clipped: result.boundedChosen.map((chosen, k) => sides(chosen, result.boundedRejected[k]!)),
    weights: result.weights.map((weight) => weight[row]!),
    virtual: result.weights.length === 0 ? null : sides(result.referenceChosen, result.referenceRejected),
    margin: result.margins[row]!,
    loss: result.losses[row]!,
    gradient: sides(result.gradChosen, result.gradRejected),
  };
}
