/** Column names of a table. */
import { MrpoError } from '../../core/errors.js';

/**
 * Names without the space around them.
 * @param place where they stand, e.g. `line 1`.
 * @throws MrpoError `data` if a name is there twice, or there is none.
 */
export function checkedHeader(header: readonly string[], path: string, place: string): string[] {
  const names = header.map((name) => name.trim());
  const twice = names.find((name, index) => name !== '' && names.indexOf(name) !== index);
  if (twice !== undefined)
    throw new MrpoError('data', `${path}: the column ${JSON.stringify(twice)} appears twice in the header line`);
  if (names.every((name) => name === ''))
    throw new MrpoError('data', `${path}: ${place} has no column names; expected a header line`);
  return names;
}
