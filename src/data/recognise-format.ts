/** Which format do these rows have? By their fields and types; a forced name is only checked to exist. */
import { distance } from 'fastest-levenshtein';

import { MrpoError } from '../core/errors.js';
import type { Row } from './fields.js';
import type { Format } from './formats/format.js';

/**
 * @param sample at least one row.
 * @throws MrpoError `data` if the forced name is unknown, or no format has the fields of any of the rows.
 */
export function recogniseFormat(
  source: string,
  name: string,
  sample: readonly Row[],
  formats: readonly Format[],
): Format {
  if (name !== 'auto') return namedFormat(name, formats);
  const recognised = bestBy(formats, (format) => sample.filter((row) => format.recognises(row)).length);
  if (recognised !== undefined) return recognised;
  // Right fields, wrong types in every row: the format is clear, and its reader says what is wrong with each row.
  const byFields = bestBy(
    formats,
    (format) => sample.filter((row) => format.fields.every((field) => field in row)).length,
  );
  if (byFields !== undefined) return byFields;
  const fields =
    Object.keys(sample[0] ?? {})
      .slice(0, 12)
      .join(', ') || 'no fields';
  throw new MrpoError('data', `${source}: rows of no known format: they have ${fields}`, {
    hint: `Known formats: ${formats.map((format) => format.name).join(', ')}. Other column names can be mapped with data.columns.`,
    details: { fields: Object.keys(sample[0] ?? {}) },
  });
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

/** The format with the highest count above 0; of equals the first. */
function bestBy(formats: readonly Format[], count: (format: Format) => number): Format | undefined {
  let best: Format | undefined;
  let most = 0;
  for (const format of formats) {
    const here = count(format);
    if (here > most) [best, most] = [format, here];
  }
  return best;
}
