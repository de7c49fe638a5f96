/** One pair of a result with every stage on the way to its loss: what `mrpo explain` prints. */
import { eachSide, type Sides } from '../core/sides.js';
import type { ObjectiveResult } from './objective.js';

/** [chosen, rejected], as it is printed. */
export type PairOfNumbers = readonly [number, number];

/** Numbers in the unit of `objective.normalization`, except the gradient (per nat of the summed log-probs). */
export interface ExplainedRow {
  /** Half-widths of the trust region (Eq. 9); NaN (null in JSON) where nothing is clipped. */
  readonly epsilon: PairOfNumbers;
  /** Each reference's log-probs after clipping (Eq. 8), the first unchanged. */
  readonly clipped: readonly PairOfNumbers[];
  /** Weight of each reference (Eq. 10 or whatever the objective uses). */
  readonly weights: readonly number[];
  /** Log-probs of the virtual reference (Prop. 1); null for a reference-free loss. */
  readonly virtual: PairOfNumbers | null;
  readonly margin: number;
  readonly loss: number;
  /** +dL/dlogp of the policy's two summed log-probs. */
  readonly gradient: PairOfNumbers;
}

/** Row `row` of a batch's result, from 0. */
export function explainRow(result: ObjectiveResult, row: number): ExplainedRow {
  const at = ({ chosen, rejected }: Sides<Float64Array>): PairOfNumbers => [chosen[row]!, rejected[row]!];
  return {
    epsilon: at(result.epsilon),
    clipped: result.weights.map((_, k) => at(eachSide((side) => result.clipped[side][k]!))),
    weights: result.weights.map((weight) => weight[row]!),
    virtual: result.weights.length === 0 ? null : at(result.virtual),
    margin: result.margins[row]!,
    loss: result.losses[row]!,
    gradient: at(result.gradients),
  };
}
