/** Which format do these rows have? By their columns and what these hold; a named format is only checked to exist. */
import { distance } from 'fastest-levenshtein';

import { MrpoError } from '../core/errors.js';
import { isReading, type Format, type FormatContext } from './formats/index.js';
import { matchFormat } from './row-reader.js';
import type { RowShape } from './shape.js';
import { shapesOf, type CountedShape } from './shapes-of.js';
import { waysThrough } from './ways-through.js';

/**
 * The format of most of the first rows.
 * @param sample at least one row.
 * @throws MrpoError `data` if the named format is unknown, or no format has the columns of any of the rows.
 */
export function recogniseFormat(
  source: string,
  name: string,
  formats: readonly Format[],
  context: FormatContext,
): Format {
  if (name !== 'auto') return namedFormat(name, formats);
  const shapes = shapesOf(context.sample);
  const recognised = mostRows(shapes, (shape) =>
    formats.find((format) => isReading(matchFormat(format, shape, context, true))),
  );
  if (recognised !== undefined) return recognised;
  // Right columns, wrong types in every row: the format is clear, and its reader says what is wrong with each row.
  const byColumns = mostRows(shapes, (shape) => mostColumns(shape, formats, context));
  if (byColumns !== undefined) return byColumns;
  const [shape] = shapes;
  const fields = Object.keys(shape?.shape.row ?? {});
  throw new MrpoError(
    'data',
    `${source}: rows of no known format: they have ${fields.slice(0, 12).join(', ') || 'no fields'}`,
    {
      hint: shape === undefined ? undefined : waysThrough(shape.shape, formats, context),
      details: { fields },
    },
  );
}

function mostRows(
  shapes: readonly CountedShape[],
  formatOf: (shape: RowShape) => Format | undefined,
): Format | undefined {
  const rows = new Map<Format, number>();
  for (const { shape, rows: count } of shapes) {
    const format = formatOf(shape);
    if (format !== undefined) rows.set(format, (rows.get(format) ?? 0) + count);
  }
  return [...rows].sort((a, b) => b[1] - a[1])[0]?.[0];
}

/** Of the formats whose columns are there, whatever they hold, the one that uses most of them. */
function mostColumns(shape: RowShape, formats: readonly Format[], context: FormatContext): Format | undefined {
  const sizes = formats.flatMap((format) => {
    const match = matchFormat(format, shape, context, false);
    return isReading(match) ? [{ format, size: Object.keys(match.roles).length }] : [];
  });
  return sizes.sort((a, b) => b.size - a.size)[0]?.format;
}

function namedFormat(wanted: string, formats: readonly Format[]): Format {
  const format = formats.find(({ name }) => name === wanted);
  if (format !== undefined) return format;
  const names = formats.map(({ name }) => name);
  const nearest = [...names].sort((a, b) => distance(wanted, a) - distance(wanted, b))[0];
  throw new MrpoError('config', `data.format: expected auto | ${names.join(' | ')}, got ${JSON.stringify(wanted)}`, {
    hint: `Did you mean ${JSON.stringify(nearest)}?`,
  });
}
