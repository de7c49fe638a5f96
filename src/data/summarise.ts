/** What is in a preference file, without keeping its texts: a file of any size is summarised in the memory of its lengths. */
import { createDropCounter, type DropReason } from './drop-counter.js';
import { createPairCounter } from './pair-counter.js';
import type { ChatMessage, PreferencePair } from './pair.js';
import { quantilesOf, type Quantiles } from './quantiles.js';
import { readPairs, type DroppedRow, type ReadOptions } from './read-pairs.js';
import type { ReadReport } from './read-report.js';
import type { RowPlace } from './sources/source.js';

/** One of the three texts of a pair. */
export type PairPart = 'prompt' | 'chosen' | 'rejected';
const PARTS: readonly PairPart[] = ['prompt', 'chosen', 'rejected'];

/** What `mrpo data` says of a file. */
export interface DataSummary {
  /** As the user named it. */
  readonly source: string;
  /** What the file turned out to be, e.g. `JSON lines, gzipped`. */
  readonly kind: string;
  /** What the `line` of its rows counts. */
  readonly place: RowPlace;
  readonly format: string;
  readonly counts: {
    readonly rows: number;
    readonly pairs: number;
    readonly dropped: number;
    readonly prompts: number;
  };
  readonly duplicates: number;
  readonly contradictions: number;
  /** Lengths of the message texts, without any template. Characters are UTF-16 code units, bytes are UTF-8. */
  readonly lengths: Readonly<Record<PairPart, { readonly characters: Quantiles; readonly bytes: Quantiles }>>;
  /** Shares of pairs whose chosen response has more characters than the rejected one, and as many. */
  readonly chosenLonger: number;
  readonly equallyLong: number;
  /** The first pairs of the file. */
  readonly first: readonly PreferencePair[];
  /** The first rows, or pairs of rows, that cannot be used; `counts.dropped` counts all. */
  readonly dropped: readonly DroppedRow[];
  /** What to try, where no row gave a pair. */
  readonly hint: string | undefined;
  /** Of all dropped rows. */
  readonly reasons: readonly DropReason[];
  readonly notes: readonly string[];
  /** Which column was read as what, and what nothing read. */
  readonly report: ReadReport;
}

/** How the file is read, and how much of it is kept. */
export interface SummariseOptions extends ReadOptions {
  /** How many of the first pairs to keep. */
  readonly keepFirst: number;
  /** Called with the number of rows read so far. */
  readonly onRows?: ((rows: number) => void) | undefined;
}

/** Reads the whole source. A file without one usable row gives a summary too: of what was dropped. */
export async function summariseData(source: string, options: SummariseOptions): Promise<DataSummary> {
  const stream = await readPairs(source, options);
  const counter = createPairCounter();
  const drops = createDropCounter();
  const first: PreferencePair[] = [];
  const characters: Record<PairPart, number[]> = { prompt: [], chosen: [], rejected: [] };
  const bytes: Record<PairPart, number[]> = { prompt: [], chosen: [], rejected: [] };
  let [rows, longer, equal] = [0, 0, 0];
  for await (const batch of stream.batches) {
    rows += batch.rows;
    for (const drop of batch.dropped) drops.add(drop);
    for (const pair of batch.pairs) {
      counter.add(pair);
      if (first.length < options.keepFirst) first.push(pair);
      for (const part of PARTS) {
        characters[part].push(total(pair[part], (text) => text.length));
        bytes[part].push(total(pair[part], (text) => Buffer.byteLength(text)));
      }
      const difference = (characters.chosen.at(-1) ?? 0) - (characters.rejected.at(-1) ?? 0);
      if (difference > 0) longer++;
      else if (difference === 0) equal++;
    }
    options.onRows?.(rows);
  }
  const pairs = characters.prompt.length;
  const lengthsOf = (part: PairPart) => ({
    characters: quantilesOf(characters[part]),
    bytes: quantilesOf(bytes[part]),
  });
  return {
    source,
    kind: stream.kind,
    place: stream.place,
    format: stream.format,
    counts: { rows, pairs, dropped: drops.count(), prompts: counter.prompts() },
    duplicates: counter.duplicates(),
    contradictions: counter.contradictions(),
    lengths: { prompt: lengthsOf('prompt'), chosen: lengthsOf('chosen'), rejected: lengthsOf('rejected') },
    chosenLonger: pairs === 0 ? 0 : longer / pairs,
    equallyLong: pairs === 0 ? 0 : equal / pairs,
    first,
    dropped: drops.first(),
    hint: pairs === 0 ? stream.waysThrough() : undefined,
    reasons: drops.reasons(),
    notes: [...stream.notes],
    report: stream.report(),
  };
}

const total = (messages: readonly ChatMessage[], measure: (text: string) => number): number =>
  messages.reduce((sum, { content }) => sum + measure(content), 0);
