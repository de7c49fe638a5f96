/** Means over seeds: the numbers of a table's cells. */
import { meanAndSd } from '../math/index.js';
import { valuesOf, SEED_AXIS, type Matrix } from './matrix.js';
import { cellsAt, type CellOutcome } from './comparisons.js';
import type { Coordinates } from './cells.js';

/** One measure over the seeds of a cell. */
export interface SummaryCell {
  readonly coordinates: Coordinates;
  /** Of the measure after training, in the order of the seeds that have finished. */
  readonly values: readonly number[];
  /** NaN without a finished seed. */
  readonly mean: number;
  /** NaN for one value. */
  readonly sd: number;
  /** Of one run's own, as of a task over its documents: the mean's; NaN where there is none. */
  readonly standardError: number;
  /** Mean at step 0. */
  readonly before: number;
  /** Seeds there should be. */
  readonly expected: number;
  readonly marks: readonly string[];
}

/** One measure at one place of a matrix, over its seeds. @param at Values of all axes but the seed. */
export function summarise(
  matrix: Matrix,
  cells: readonly CellOutcome[],
  at: Coordinates,
  measure: string,
  seeds: number = valuesOf(matrix, SEED_AXIS).length || 1,
): SummaryCell {
  const found = cellsAt(cells, at);
  const values = found.flatMap(({ outcome }) => outcome.after[measure] ?? []);
  const starts = found.flatMap(({ outcome }) => outcome.before[measure] ?? []);
  const errors = found.flatMap(({ outcome }) => outcome.standardErrors[measure] ?? []);
  return {
    coordinates: at,
    values,
    standardError:
      errors.length === 0 ? NaN : Math.sqrt(errors.reduce((sum, error) => sum + error ** 2, 0)) / errors.length,
    ...(values.length === 0 ? { mean: NaN, sd: NaN } : meanAndSd(values)),
    before: starts.length === 0 ? NaN : meanAndSd(starts).mean,
    expected: seeds,
    marks: [...new Set(found.flatMap(({ marks }) => marks))],
  };
}

/** Every combination of the values of some axes, in order; one empty combination for no axis. */
export function combinationsOf(matrix: Matrix, axes: readonly string[]): readonly Coordinates[] {
  return axes.reduce<readonly Coordinates[]>(
    (all, axis) => all.flatMap((some) => valuesOf(matrix, axis).map((value) => ({ ...some, [axis]: value }))),
    [{}],
  );
}
