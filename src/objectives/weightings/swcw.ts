/**
 * SWCW (arXiv 2512.10040), weights from a sliding window of past batches: step t uses the row-normalised confidences
 * |l_k(w) - l_k(l)| of step t-1, row i for row i; the first step is uniform. A window of W > 1 averages the last W
 * steps row by row. Where rows have no known place in the step (evaluation), or the past steps had fewer rows, the
 * mean over all remembered rows stands in.
 */
import { arwcWeights } from '../../math/arwc.js';
import type { Weighting } from '../weighting.js';
import { constantColumns } from './constant.js';
import { badState, isNumberList, member } from './state.js';

/** Weights of one past step: K lists of its rows. */
type PastStep = readonly (readonly number[])[];

/** Changes with `observe`. @param references K. @param window Past steps that are averaged, at least 1. */
export function swcwWeighting(references: number, window: number): Weighting {
  let past: PastStep[] = [];
  const uniform = new Array<number>(references).fill(1 / references);
  return {
    columns: (view) => {
      if (past.length === 0) return constantColumns(view.size, uniform);
      const { positions } = view;
      const mean = rowMean(past, references);
      const columns = constantColumns(view.size, mean);
      if (positions === undefined) return columns;
      for (let row = 0; row < view.size; row++) {
        const place = positions[row]!;
        const steps = past.filter((step) => place < step[0]!.length);
        if (steps.length === 0) continue;
        for (let k = 0; k < references; k++) {
          columns[k]![row] = steps.reduce((sum, step) => sum + step[k]![place]!, 0) / steps.length;
        }
      }
      return columns;
    },
    observe: (view) => {
      if (view.size === 0) return;
      const step = arwcWeights(view.chosen, view.rejected).map((column) => [...column]);
      past = [...past, step].slice(-window);
    },
    state: () => ({ past }),
    restore: (state) => {
      const saved = member(state, 'past');
      if (!isPast(saved, references)) throw badState(`past: expected lists of ${references} columns of numbers`);
      past = saved.slice(-window);
    },
  };
}

function rowMean(past: readonly PastStep[], references: number): number[] {
  const rows = past.reduce((count, step) => count + step[0]!.length, 0);
  return Array.from(
    { length: references },
    (_, k) => past.reduce((total, step) => total + step[k]!.reduce((sum, weight) => sum + weight, 0), 0) / rows,
  );
}

function isPast(value: unknown, references: number): value is PastStep[] {
  return (
    Array.isArray(value) &&
    value.every(
      (step) =>
        Array.isArray(step) &&
        step.length === references &&
        step.every(isNumberList) &&
        step.every((column) => column.length === (step[0] as number[]).length && column.length > 0),
    )
  );
}
