/** What is known of a matrix at this moment, read from its run folders: finished cells, and those that are missing. */
import type { Cell } from './cells.js';
import type { CellStore } from './cell-store.js';
import type { CellOutcome } from './comparisons.js';
import type { Matrix } from './matrix.js';
import { outcomeOf } from './outcome.js';
import type { KeyedCell } from './run-cells.js';

/** A cell without a result. */
export interface MissingCell {
  readonly cell: Cell;
  /** Why there is no result: the reason of a failed run, or that it has not been run. */
  readonly reason: string;
}

/** All cells of a matrix, finished or not. */
export interface MatrixResults {
  readonly matrix: Matrix;
  readonly cells: readonly (CellOutcome & { readonly cell: Cell; readonly key: string })[];
  readonly missing: readonly MissingCell[];
}

/** Reads the run folders of the cells; runs nothing. */
export async function readResults(
  matrix: Matrix,
  keyed: readonly KeyedCell[],
  store: CellStore,
): Promise<MatrixResults> {
  const cells: MatrixResults['cells'][number][] = [];
  const missing: MissingCell[] = [];
  for (const { cell, key } of keyed) {
    const run = await store.read(key);
    const outcome = run?.record.status === 'succeeded' ? outcomeOf(run) : undefined;
    if (outcome !== undefined) cells.push({ cell, key, coordinates: cell.coordinates, marks: cell.marks, outcome });
    else missing.push({ cell, reason: run?.record.reason ?? 'not run yet' });
  }
  return { matrix, cells, missing };
}
