/** A whole preference file in memory, with counts of everything that was dropped, doubled or contradicted. */
import { MrpoError } from '../core/errors.js';
import { dropReasons } from './drop-counter.js';
import { createPairCounter } from './pair-counter.js';
import type { PreferencePair } from './pair.js';
import { readPairs, type DroppedRow, type PairStream, type ReadOptions } from './read-pairs.js';
import type { ReadReport } from './read-report.js';
import type { RowPlace } from './sources/source.js';

/** The pairs of one source, and what became of its other rows. */
export interface PreferenceData {
  /** As the caller named it. */
  readonly source: string;
  /** What the file turned out to be, e.g. `JSON lines, gzipped`. */
  readonly kind: string;
  /** What the `line` of its rows counts. */
  readonly place: RowPlace;
  /** Name of the format of its rows. */
  readonly format: string;
  /** In the order of the rows. */
  readonly pairs: readonly PreferencePair[];
  /** Rows, and single pairs of rows with several, that cannot be used, in order. */
  readonly dropped: readonly DroppedRow[];
  /** Rows that were read, pairs they gave, and rows that gave none. */
  readonly counts: {
    readonly rows: number;
    readonly pairs: number;
    readonly dropped: number;
  };
  /** Pairs whose text was there before; they are kept. */
  readonly duplicates: number;
  /** Texts that are there both ways round: what one pair prefers, another rejects. They are kept. */
  readonly contradictions: number;
  /** What the user should know. */
  readonly notes: readonly string[];
  /** Which column was read as what, and what nothing read. */
  readonly report: ReadReport;
}

/**
 * Reads a whole source into memory; `readPairs` reads one of any size.
 * @example
 * const { pairs, dropped } = await readPreferenceData('pairs.jsonl');
 * console.log(pairs.length, dropped[0]?.reason);
 * @throws MrpoError `data` if the source cannot be read, or no row of it can be used.
 */
export async function readPreferenceData(source: string, options: ReadOptions = {}): Promise<PreferenceData> {
  const stream = await readPairs(source, options);
  const pairs: PreferencePair[] = [];
  const dropped: DroppedRow[] = [];
  const counter = createPairCounter();
  let rows = 0;
  for await (const batch of stream.batches) {
    rows += batch.rows;
    for (const pair of batch.pairs) {
      counter.add(pair);
      pairs.push(pair);
    }
    for (const drop of batch.dropped) dropped.push(drop);
  }
  if (pairs.length === 0) throw noPairs(source, stream, rows, dropped);
  return {
    source,
    kind: stream.kind,
    place: stream.place,
    format: stream.format,
    pairs,
    dropped,
    counts: { rows, pairs: pairs.length, dropped: dropped.length },
    duplicates: counter.duplicates(),
    contradictions: counter.contradictions(),
    notes: [...stream.notes],
    report: stream.report(),
  };
}

function noPairs(
  source: string,
  { place, waysThrough }: PairStream,
  rows: number,
  dropped: readonly DroppedRow[],
): MrpoError {
  const reasons = dropReasons(dropped)
    .slice(0, 3)
    .map(({ reason, count, firstLine }) => `${count} x ${reason} (first: ${place} ${firstLine})`);
  return new MrpoError(
    'data',
    `${source}: none of ${rows} rows can be used: ${reasons.join('; ') || 'there are none'}`,
    {
      hint: waysThrough(),
      details: { rows, dropped: dropped.slice(0, 20) },
    },
  );
}
