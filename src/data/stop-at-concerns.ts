/** Stops where rows hold something that is not read and may change what they mean. */
import { MrpoError } from '../core/errors.js';
import type { Row } from './fields.js';
import type { Concern } from './unread.js';

/** Counts the rows of each such column. */
export interface ConcernCounter {
  /** @returns the first concern that the row does not excuse. */
  add(row: Row, concerns: readonly Concern[]): Concern | undefined;
  /**
   * @param rows those that were looked at, e.g. `of the first 64 rows`.
   * @throws MrpoError `data` with each such column, its share of the rows and the options that read it or leave it out.
   */
  stop(source: string, rows: string): void;
}

/** A counter that has seen no row yet. */
export function createConcernCounter(): ConcernCounter {
  const found = new Map<string, { readonly concern: Concern; rows: number }>();
  return {
    add(row, concerns) {
      let first: Concern | undefined;
      for (const concern of concerns) {
        if (concern.isExcused(row)) continue;
        first ??= concern;
        const known = found.get(concern.path);
        if (known === undefined) found.set(concern.path, { concern, rows: 1 });
        else known.rows++;
      }
      return first;
    },
    stop(source, rows) {
      if (found.size === 0) return;
      const columns = [...found].map(([path, { rows: count }]) => `${path} (in ${count} ${rows})`).join(', ');
      const flags = [...found.values()].map(({ concern }) => concern.flag).join(', or ');
      throw new MrpoError('data', `${source}: not read, and it may change what the pairs mean: ${columns}`, {
        hint: `Say what it is (${flags}), or leave it out: --ignore ${[...found.keys()].join(',')} (data.ignore: [${[...found.keys()].join(', ')}]).`,
        details: { unread: [...found.keys()] },
      });
    },
  };
}

/** Before the first pair: what the first rows hold. @throws MrpoError `data` */
export function stopAtFirstConcerns(
  source: string,
  sample: readonly Row[],
  concernsOf: (row: Row) => readonly Concern[],
): void {
  const counter = createConcernCounter();
  for (const row of sample) counter.add(row, concernsOf(row));
  counter.stop(source, `of the first ${sample.length} rows`);
}
