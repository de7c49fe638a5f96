/**
 * VDW and VAW (arXiv 2512.10040): weights fixed before training from pairs held out for it.
 *
 *   VDW  alpha_k proportional to sum_i |l_k(w_i) - l_k(l_i)|     how decisive the reference is
 *   VAW  alpha_k proportional to #{i : l_k(w_i) > l_k(l_i)}      how often it is right
 *
 * with log-probs per token as published. All zero: 1/K each. The authors raise weights to 1e-6 to keep a logarithm
 * finite; here a weight of 0 drops its reference.
 */
import { MrpoError } from '../../core/errors.js';
import type { Weighting, WeightingView } from '../weighting.js';
import { constantColumns } from './constant.js';
import { numberList } from './state.js';

/** Weights by how decisive each reference is. @throws MrpoError `usage` from `columns` before `fit`. */
export function vdwWeighting(references: number): Weighting {
  return fittedWeighting('vdw', references, (chosen, rejected) => Math.abs(chosen - rejected));
}

/** Weights by how often each reference is right. @throws MrpoError `usage` from `columns` before `fit`. */
export function vawWeighting(references: number): Weighting {
  return fittedWeighting('vaw', references, (chosen, rejected) => (chosen > rejected ? 1 : 0));
}

function fittedWeighting(
  name: string,
  references: number,
  score: (chosen: number, rejected: number) => number,
): Weighting {
  let weights: readonly number[] | undefined;
  return {
    columns: ({ size }) => {
      if (weights === undefined) {
        throw new MrpoError(
          'usage',
          `objective.weights: ${name} has not seen validation pairs; expected fit() before the first evaluate()`,
          {
            hint: 'Call objective.fit(batch) once with the log-probs of held-out pairs under every reference.',
          },
        );
      }
      return constantColumns(size, weights);
    },
    fit: (view) => {
      weights = shares(view, score);
    },
    state: () => ({ weights: weights ?? null }),
    restore: (state) => {
      weights = numberList(state, 'weights', references);
    },
  };
}

function shares(view: WeightingView, score: (chosen: number, rejected: number) => number): number[] {
  const totals = view.chosen.map((column, k) => {
    let total = 0;
    for (let row = 0; row < view.size; row++) total += score(column[row]!, view.rejected[k]![row]!);
    return total;
  });
  const sum = totals.reduce((left, right) => left + right, 0);
  return totals.map((total) => (sum === 0 ? 1 / totals.length : total / sum));
}
