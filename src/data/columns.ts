/** Columns that the user names for their roles: an order, which wins over every name that a format knows. */
import { distance } from 'fastest-levenshtein';

import type { ColumnRole } from '../config/column-roles.js';
import { MrpoError } from '../core/errors.js';
import type { Row } from './fields.js';
import { plainName } from './names.js';
import { kindOf, rowShapeOf, columnReader, type Column, type RowShape } from './shape.js';

/** Column of each role, as a name or a dotted path (`info.post`, `summaries.0.text`). */
export type ColumnMapping = { readonly [role in ColumnRole]?: string | undefined };

/**
 * The column at a path: by its exact name, by its name in plain letters, or by the parts of the path.
 * `undefined` where the row has no such column.
 */
export function columnAt(shape: RowShape, path: string): Column | undefined {
  const exact = shape.columns.find((column) => column.path === path);
  if (exact !== undefined) return exact;
  const plain = path.split('.').map(plainName).join('.');
  const alike = shape.columns.filter(({ name }) => name === plain);
  if (alike.length === 1) return alike[0];
  const keys = path.split('.');
  const sample = columnReader(keys)(shape.row);
  if (keys.length < 2 || sample === undefined) return undefined;
  return { path, keys, name: plain, kind: kindOf(sample), sample };
}

/**
 * Checks that every column the user has named is in the file.
 * @throws MrpoError `config` if a mapped column is in none of the first rows.
 */
export function requireColumns(sample: readonly Row[], columns: ColumnMapping, source: string): void {
  if (sample.length === 0) return;
  const shapes = sample.map(rowShapeOf);
  const present = [...new Set(shapes.flatMap((shape) => shape.columns.map(({ path }) => path)))];
  for (const [role, path] of Object.entries(columns)) {
    if (path === undefined || shapes.some((shape) => columnAt(shape, path) !== undefined)) continue;
    const nearest = [...present].sort((a, b) => distance(path, a) - distance(path, b))[0];
    throw new MrpoError(
      'config',
      `data.columns.${role}: ${source} has no column ${JSON.stringify(path)}; it has ${present.slice(0, 12).join(', ')}`,
      { hint: nearest === undefined ? undefined : `Did you mean ${JSON.stringify(nearest)}?` },
    );
  }
}
