/** What is known of a matrix at this moment, read from its run folders: finished cells, and those that are missing. */
import type { Cell } from './cells.js';
import type { CellStore } from './cell-store.js';
import type { CellOutcome } from './comparisons.js';
import type { Matrix } from './matrix.js';
import { outcomeOf, withTasks } from './outcome.js';
import type { TaskStore } from './task-store.js';
import type { KeyedCell } from './run-cells.js';

/** A cell without a result. */
export interface MissingCell {
  readonly cell: Cell;
  /** Why there is no result: the reason of a failed run, or that it has not been run. */
  readonly reason: string;
  /** Whether the run itself has finished, and only its tasks are missing. */
  readonly trained: boolean;
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
  { store, taskStore }: { readonly store: CellStore; readonly taskStore: TaskStore },
): Promise<MatrixResults> {
  const cells: MatrixResults['cells'][number][] = [];
  const missing: MissingCell[] = [];
  for (const { cell, key, tasks } of keyed) {
    const run = await store.read(key);
    const trained = run?.record.status === 'succeeded' ? outcomeOf(run) : undefined;
    const before = run && (await taskStore.read(run, key, tasks, 'before'));
    const after = run && (await taskStore.read(run, key, tasks, 'after'));
    const outcome = trained && withTasks(trained, before, after);
    if (outcome !== undefined) cells.push({ cell, key, coordinates: cell.coordinates, marks: cell.marks, outcome });
    if (outcome !== undefined && tasks.length > 0 && after === undefined) {
      missing.push({
        cell,
        trained: true,
        reason: 'trained; its tasks of language understanding are not evaluated: that needs requirements-eval.txt',
      });
    } else if (outcome === undefined)
      missing.push({ cell, trained: false, reason: run?.record.reason ?? 'not run yet' });
  }
  return { matrix, cells, missing };
}

/** "5 of 6 runs finished." A run whose tasks are missing has finished. */
export const progressText = ({ cells, missing }: MatrixResults): string =>
  `${cells.length} of ${cells.length + missing.filter(({ trained }) => !trained).length} runs finished.`;
