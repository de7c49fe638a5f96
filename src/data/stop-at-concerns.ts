/** Stops before the first pair where the first rows hold something that is not read and may change what they mean. */
import { MrpoError } from '../core/errors.js';
import type { Row } from './fields.js';
import type { RowReader } from './row-reader.js';
import type { Concern } from './unread.js';

/**
 * Stops at columns that nothing reads and that may change what the pairs mean.
 * @throws MrpoError `data` with each such column, its share of the rows and the options that read it or leave it out.
 */
export function stopAtConcerns(source: string, sample: readonly Row[], reader: RowReader): void {
  const found = new Map<string, { concern: Concern; rows: number }>();
  for (const row of sample) {
    for (const concern of reader.planOf(row)?.unread.concerns ?? []) {
      if (concern.isExcused(row)) continue;
      const known = found.get(concern.path);
      if (known === undefined) found.set(concern.path, { concern, rows: 1 });
      else known.rows++;
    }
  }
  if (found.size === 0) return;
  const columns = [...found]
    .map(([path, { rows }]) => `${path} (in ${rows} of the first ${sample.length} rows)`)
    .join(', ');
  const flags = [...found.values()].map(({ concern }) => concern.flag).join(', or ');
  throw new MrpoError('data', `${source}: not read, and it may change what the pairs mean: ${columns}`, {
    hint: `Say what it is (${flags}), or leave it out: --ignore ${[...found.keys()].join(',')} (data.ignore: [${[...found.keys()].join(', ')}]).`,
    details: { unread: [...found.keys()] },
  });
}
