/** Every finished cell as one row: coordinates, accuracies before and after, everything else that was measured. */
import { stringify } from './csv-text.js';
import type { MatrixResults } from '../results.js';

/** CSV text with a header line; a measure that a cell lacks is empty. */
export function resultsCsv({ matrix, cells }: MatrixResults): string {
  const axes = Object.keys(matrix.axes);
  const measures = [...new Set(cells.flatMap(({ outcome }) => Object.keys(outcome.after)))].sort();
  const head = [
    ...axes,
    'key',
    'held_out_pairs',
    'longer_is_chosen',
    'seconds',
    ...measures.flatMap((name) => [`before:${name}`, `after:${name}`]),
    'inferred',
  ];
  const rows = cells.map(({ coordinates, key, outcome, marks }) => [
    ...axes.map((axis) => coordinates[axis] ?? ''),
    key,
    outcome.heldOutPairs,
    outcome.longerIsChosen,
    outcome.seconds,
    ...measures.flatMap((name) => [outcome.before[name] ?? '', outcome.after[name] ?? '']),
    marks.join('; '),
  ]);
  return stringify([head, ...rows]);
}
