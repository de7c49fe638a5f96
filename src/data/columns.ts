/** Column names of a table mapped to the names that formats know. */
import { distance } from 'fastest-levenshtein';

import { MrpoError } from '../core/errors.js';
import type { Row } from './fields.js';
import { RowProblem } from './row-problem.js';

/** Name in the file of each field that is called otherwise there. */
export interface ColumnMapping {
  readonly prompt?: string | undefined;
  readonly chosen?: string | undefined;
  readonly rejected?: string | undefined;
  readonly system?: string | undefined;
}

/** The row under the names that formats know. @throws RowProblem if a mapped column is not there. */
export function renameColumns(row: Row, columns: ColumnMapping): Row {
  const mapped = Object.entries(columns).filter((entry): entry is [string, string] => entry[1] !== undefined);
  const taken = new Set(mapped.flat());
  const others = Object.entries(row).filter(([name]) => !taken.has(name));
  const renamed = mapped.map(([name, column]): [string, unknown] => {
    if (!Object.hasOwn(row, column)) throw new RowProblem(`column ${JSON.stringify(column)} (for ${name}): missing`);
    return [name, row[column]];
  });
  return Object.fromEntries([...others, ...renamed]);
}

/** @throws MrpoError `config` if a mapped column is in none of the first rows. */
export function requireColumns(sample: readonly Row[], columns: ColumnMapping, source: string): void {
  const present = [...new Set(sample.flatMap((row) => Object.keys(row)))];
  for (const [name, column] of Object.entries(columns) as [string, string | undefined][]) {
    if (column === undefined || present.includes(column) || sample.length === 0) continue;
    const nearest = [...present].sort((a, b) => distance(column, a) - distance(column, b))[0];
    throw new MrpoError(
      'config',
      `data.columns.${name}: ${source} has no column ${JSON.stringify(column)}; it has ${present.slice(0, 12).join(', ')}`,
      {
        hint: nearest === undefined ? undefined : `Did you mean ${JSON.stringify(nearest)}?`,
      },
    );
  }
}
