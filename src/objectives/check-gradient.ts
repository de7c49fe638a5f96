/** Does an objective's gradient belong to its loss? Compares with finite differences, row by row. */
import { MrpoError } from '../core/errors.js';
import { SIDES } from '../core/sides.js';
import { differs, GRADIENT_TOLERANCE, richardson, STEP } from '../math/finite-difference.js';
import { rowName } from './check-batch.js';
import type { Objective, PairBatch } from './objective.js';

/** Largest disagreement found, for the record. */
export interface GradientCheck {
  readonly rows: number;
  /** max |gradient - numeric| / max(|gradient|, |numeric|, 1e-9) over rows and sides. */
  readonly largestRelativeError: number;
}

/**
 * Throws `data` naming the first row whose gradient is not the derivative of its loss; returns the largest error
 * otherwise. Log-probs within 2e-3 of 0 are checked at -2e-3, so that the steps stay log-probs. AlphaDPO holds part of
 * its margin constant on purpose, so for it a difference is no error.
 */
export function checkGradient(objective: Objective, batch: PairBatch, tolerance = GRADIENT_TOLERANCE): GradientCheck {
  const base = shifted(shifted(batch, 'chosen', 0), 'rejected', 0);
  const { losses, gradients } = objective.evaluate(base);
  let largestRelativeError = 0;
  for (const side of SIDES) {
    const [plus, minus, halfPlus, halfMinus] = [STEP, -STEP, STEP / 2, -STEP / 2].map(
      (step) => objective.evaluate(shifted(base, side, step)).losses,
    ) as [Float64Array, Float64Array, Float64Array, Float64Array];
    for (let row = 0; row < batch.size; row++) {
      const numeric = richardson(plus[row]!, minus[row]!, halfPlus[row]!, halfMinus[row]!);
      const gradient = gradients[side][row]!;
      if (differs(gradient, numeric, losses[row]!, tolerance)) {
        throw wrongGradient(rowName(batch, row), side, gradient, numeric, objective.name);
      }
      const scale = Math.max(Math.abs(gradient), Math.abs(numeric), 1e-9);
      largestRelativeError = Math.max(largestRelativeError, Math.abs(gradient - numeric) / scale);
    }
  }
  return { rows: batch.size, largestRelativeError };
}

/** The error for a gradient that is not the derivative of its loss. */
export function wrongGradient(
  row: string | number,
  side: string,
  gradient: number,
  numeric: number,
  name: string,
): MrpoError {
  return new MrpoError(
    'data',
    `row ${row}, ${name}, ${side} response: gradient is ${gradient}, finite differences of the loss give ${numeric}`,
    {
      hint: 'Gradients are +dL/dlogp, per pair and not divided by the batch size.',
      details: { row, side, gradient, numeric },
    },
  );
}

/** The batch with one side of the policy moved by `step` nats, from at most -2 STEP. */
function shifted(batch: PairBatch, side: 'chosen' | 'rejected', step: number): PairBatch {
  const column = batch.policy[side];
  const logps = column.logps.map((logp) => Math.min(logp, -2 * STEP) + step);
  return { ...batch, policy: { ...batch.policy, [side]: { ...column, logps } } };
}
