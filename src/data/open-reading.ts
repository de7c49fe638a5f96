/** Opens a source and looks at its first rows: what every question about its format needs. */
import { MrpoError } from '../core/errors.js';
import type { Row } from './fields.js';
import type { FormatContext } from './formats/index.js';
import { pairsOfAnswers } from './formats/pair-row.js';
import { createGatherer, type Gatherer } from './gather.js';
import type { ReadOptions } from './read-options.js';
import { RowProblem } from './row-problem.js';
import { openSource } from './sources/open-source.js';
import type { RawRow, RowSource } from './sources/source.js';
import { createTally } from './tally.js';
import { usableRow } from './usable-row.js';

/** A source whose first rows have been read. */
export interface OpenedReading {
  readonly rows: RowSource;
  /** The rows that were looked at; the iterator goes on behind them. */
  readonly head: readonly RawRow[];
  readonly iterator: AsyncIterator<readonly RawRow[]>;
  /** The first of them that are objects, at least one. */
  readonly sample: readonly Row[];
  readonly context: FormatContext;
  readonly gatherer: Gatherer;
  /** Prompts whose answers were paired so far. */
  paired(): number;
  /** Lets go of the file. */
  close(): Promise<void>;
}

/** Rows looked at to recognise the format. */
const SAMPLE_ROWS = 64;

/**
 * Opens a source and reads its first rows.
 * @throws MrpoError `data` if the source cannot be opened or none of its first rows can be read.
 */
export async function openReading(source: string, options: ReadOptions): Promise<OpenedReading> {
  const rows = await openSource(source, options);
  const iterator = rows.batches[Symbol.asyncIterator]();
  const close = async (): Promise<void> => void (await iterator.return?.());
  const { head, sample } = await firstRows(source, rows, iterator).catch(async (error: unknown) => {
    await close();
    throw error;
  });
  let paired = 0;
  const gatherer = createGatherer((scored) => pairsOfAnswers(scored, context));
  const context: FormatContext = {
    named: (options.format ?? 'auto') !== 'auto',
    columns: options.columns ?? {},
    verdict: options.verdict,
    messages: options.messages,
    pairing: options.pairing ?? 'best-vs-worst',
    score: options.score,
    lowerIsBetter: options.lowerIsBetter,
    ignore: options.ignore ?? [],
    seed: options.seed ?? 0,
    sample,
    tally: createTally(),
    gathered: gatherer,
    onPaired: () => (paired += 1),
  };
  return {
    rows,
    head,
    iterator,
    sample,
    context,
    gatherer,
    paired: () => paired,
    close,
  };
}

async function firstRows(
  source: string,
  rows: RowSource,
  iterator: AsyncIterator<readonly RawRow[]>,
): Promise<Pick<OpenedReading, 'head' | 'sample'>> {
  const head: RawRow[] = [];
  while (head.length < SAMPLE_ROWS) {
    const next = await iterator.next();
    if (next.done === true) break;
    for (const row of next.value) head.push(row);
  }
  return { head, sample: sampleOf(source, rows, head) };
}

function sampleOf(source: string, { place }: RowSource, head: readonly RawRow[]): readonly Row[] {
  const sample: Row[] = [];
  let first: string | undefined;
  for (const raw of head) {
    if (sample.length === SAMPLE_ROWS) break;
    try {
      sample.push(usableRow(raw, createTally()));
    } catch (error) {
      if (!(error instanceof RowProblem)) throw error;
      first ??= `first: ${place} ${raw.line}: ${error.message}`;
    }
  }
  if (sample.length > 0) return sample;
  throw new MrpoError('data', `${source}: no row can be read; ${first ?? 'it has none'}`);
}
