/**
 * SWCW one-hot (arXiv 2512.10040): step t trains against the one reference whose mean confidence |l_k(w) - l_k(l)|
 * was largest in step t-1 (the first of equals). Before any step: the first reference, the policy's own start.
 */
import { largest } from '../../core/extremes.js';
import { confidenceColumns } from '../../math/arwc.js';
import type { Weighting } from '../weighting.js';
import { constantColumns, oneHot } from './constant.js';
import { badState, member } from './state.js';

/** Changes with `observe`; every row of a step has the same weights. @param references K. */
export function swcwOneHotWeighting(references: number): Weighting {
  let chosen = 0;
  return {
    columns: ({ size }) => constantColumns(size, oneHot(references, chosen)),
    observe: (view) => {
      const totals = confidenceColumns(view.chosen, view.rejected).map((column) =>
        column.reduce((sum, value) => sum + value, 0),
      );
      chosen = totals.indexOf(largest(totals));
    },
    state: () => ({ chosen }),
    restore: (state) => {
      chosen = referenceIndex(member(state, 'chosen'), references);
    },
  };
}

/** A saved index of a reference, checked. */
export function referenceIndex(value: unknown, references: number): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 0 || value >= references) {
    throw badState(`chosen: expected a reference from 0 to ${references - 1}, got ${JSON.stringify(value)}`);
  }
  return value;
}
