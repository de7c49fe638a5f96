/** The shapes among some rows. */
import type { Row } from './fields.js';
import { shapeKey, rowShapeOf, type RowShape } from './shape.js';

/** A shape and how many of the rows have it. */
export interface CountedShape {
  readonly shape: RowShape;
  readonly rows: number;
}

/** The shapes of rows, each with the number of rows that have it; most frequent first. */
export function shapesOf(rows: readonly Row[]): CountedShape[] {
  const counted = new Map<string, { shape: RowShape; rows: number }>();
  for (const row of rows) {
    const key = shapeKey(row);
    const known = counted.get(key);
    if (known === undefined) counted.set(key, { shape: rowShapeOf(row), rows: 1 });
    else known.rows++;
  }
  return [...counted.values()].sort((a, b) => b.rows - a.rows);
}
