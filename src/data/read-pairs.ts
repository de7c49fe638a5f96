/** Reading preference pairs as a stream: source → rows → format → pairs, with every row that is dropped and why. */
import { MrpoError } from '../core/errors.js';
import { requireColumns } from './columns.js';
import { refuseScore } from './formats/answer-scores.js';
import { FORMATS, type Format, type FormatContext } from './formats/index.js';
import type { Gatherer } from './gather.js';
import { makePair, type PairDraft } from './make-pair.js';
import type { PreferencePair, RowOrigin } from './pair.js';
import { createReadReport, reportNotes, type ReadReport } from './read-report.js';
import { recogniseFormat } from './recognise-format.js';
import { createRowReader, type RowReader } from './row-reader.js';
import { RowProblem } from './row-problem.js';
import { openReading, type OpenedReading } from './open-reading.js';
import type { ReadOptions } from './read-options.js';
import type { RawRow, RowAt, RowPlace } from './sources/source.js';
import { stopAtFirstConcerns } from './stop-at-concerns.js';
import type { Tally } from './tally.js';
import { usableRow } from './usable-row.js';
import { waysThroughFormat } from './ways-through.js';

export type { ReadOptions } from './read-options.js';

/** A row that gave no pair. */
export interface DroppedRow {
  /** The file, where the source has several. */
  readonly file?: string;
  /** Line or row number, from 1. */
  readonly line: number;
  /** Why, for people: what was expected and what was found. */
  readonly reason: string;
}

/** The pairs of some rows that follow each other. */
export interface PairChunk {
  /** Rows of the file that this batch is made from. */
  readonly rows: number;
  readonly pairs: readonly PreferencePair[];
  readonly dropped: readonly DroppedRow[];
}

/** A file that is being read. */
export interface PairStream {
  /** What the file turned out to be, e.g. `JSON lines, gzipped`. */
  readonly kind: string;
  /** What the `line` of its rows counts. */
  readonly place: RowPlace;
  /** Name of the format of its rows. */
  readonly format: string;
  /** What the user should know; grows until the last batch is read. */
  readonly notes: readonly string[];
  /** Pairs in the order of the rows; can be iterated once. */
  readonly batches: AsyncIterable<PairChunk>;
  /** What to try where no row gives a pair. */
  waysThrough(): string;
  /** What was read as what, and what was not; of the rows read so far. */
  report(): ReadReport;
}

/**
 * Opens a file and recognises its format; rows are read as the batches are.
 * @example
 * const { format, batches } = await readPairs('pairs.jsonl');
 * for await (const { pairs, dropped } of batches) console.log(format, pairs.length, dropped.length);
 * @throws MrpoError `data` if the source cannot be opened, no format fits its first rows, or they hold something that
 * is
 * not read and may change what they mean.
 */
export async function readPairs(source: string, options: ReadOptions = {}): Promise<PairStream> {
  const opened = await openReading(source, options);
  const { head, iterator } = opened;
  const reading = await orClose(iterator, () => createReading(source, opened, options));
  const rest: AsyncIterable<readonly RawRow[]> = { [Symbol.asyncIterator]: () => iterator };
  return {
    kind: opened.rows.kind,
    place: opened.rows.place,
    format: reading.format.name,
    notes: reading.notes,
    batches: pairBatches({ name: source, place: opened.rows.place }, head, rest, reading, options.strict === true),
    waysThrough: () => waysThroughFormat(reading.format, reading.context),
    report: () => createReadReport(reading.tally, reading.roles),
  };
}

/** The result of the work; if it fails, the file is closed. */
async function orClose<T>(rows: AsyncIterator<unknown>, work: () => T): Promise<T> {
  try {
    return work();
  } catch (error) {
    await rows.return?.();
    throw error;
  }
}

interface FileReading {
  readonly format: Format;
  readonly reader: RowReader;
  readonly context: FormatContext;
  readonly gatherer: Gatherer;
  readonly tally: Tally;
  readonly roles: Readonly<Record<string, string>>;
  readonly notes: string[];
  readonly paired: () => number;
}

function createReading(source: string, opened: OpenedReading, options: ReadOptions): FileReading {
  const { context, sample, gatherer, rows, paired } = opened;
  requireColumns(sample, context.columns, source);
  const format = recogniseFormat(source, options.format ?? 'auto', FORMATS, context);
  if (format.scored !== true) refuseScore(options.score, format.name);
  const reader = createRowReader(format, context.named ? [] : FORMATS, context);
  const first = sample.map((row) => reader.planOf(row)).find((plan) => plan?.format === format);
  requireUse(source, format.name, first?.reading.roles ?? {}, options);
  stopAtFirstConcerns(source, sample, (row) => reader.planOf(row)?.unread.concerns ?? []);
  const note = first?.reading.note;
  return {
    format,
    reader,
    context,
    gatherer,
    tally: context.tally,
    roles: first?.reading.roles ?? {},
    notes: [...rows.notes, ...(note === undefined ? [] : [note])],
    paired,
  };
}

/** Options that speak of something the rows do not have are mistakes. */
function requireUse(
  source: string,
  format: string,
  roles: Readonly<Record<string, string>>,
  options: ReadOptions,
): void {
  if (options.verdict !== undefined && roles['verdict'] === undefined)
    throw new MrpoError(
      'config',
      `data.verdict: ${source} has no verdict between two answers; its rows are of format ${format}`,
    );
}

async function* pairBatches(
  origin: RowOrigin,
  head: readonly RawRow[],
  rest: AsyncIterable<readonly RawRow[]>,
  reading: FileReading,
  strict: boolean,
): AsyncGenerator<PairChunk> {
  const { reader, tally, gatherer, notes } = reading;
  const refuse = strict ? strictly(origin) : undefined;
  const readBatch = (rows: readonly RawRow[]): PairChunk => {
    const collector = createCollector(rows.length, origin, refuse);
    for (const raw of rows) {
      tally.nextRow();
      collector.attempt(raw, () => reader.read(usableRow(raw, tally), raw));
    }
    return collector.batch;
  };
  yield readBatch(head);
  for await (const rows of rest) yield readBatch(rows);
  reader.stopAtConcerns(origin.name);
  yield gatheredPairs(gatherer, origin, refuse);
  if (reading.paired() > 0) notes.push(pairingNote(reading.paired(), reading.context));
  for (const note of reportNotes(createReadReport(tally, reading.roles), tally)) notes.push(note);
}

function gatheredPairs(gatherer: Gatherer, origin: RowOrigin, refuse: Refusal | undefined): PairChunk {
  const collector = createCollector(0, origin, refuse);
  for (const group of gatherer.groups()) collector.attempt(group.at, () => group.pairs());
  return collector.batch;
}

function pairingNote(prompts: number, { pairing, score }: FormatContext): string {
  const by = score === undefined ? '' : `, by ${score}`;
  return `the answers to ${prompts} prompt${prompts === 1 ? '' : 's'} are paired ${pairing}${by}`;
}

/** Ends the reading at a row that cannot be used. */
type Refusal = (problem: RowProblem, at: RowAt) => never;

const strictly =
  (source: RowOrigin): Refusal =>
  ({ message }, { line, origin = source }) => {
    throw new MrpoError('data', `${origin.name}: ${origin.place} ${line}: ${message}`, { details: { line } });
  };

/** Pairs and drops of one batch of rows. @param refuse in place of dropping and counting. */
function createCollector(rows: number, source: RowOrigin, refuse: Refusal | undefined) {
  const pairs: PreferencePair[] = [];
  const dropped: DroppedRow[] = [];
  const guarded = (at: RowAt, work: () => void): void => {
    try {
      work();
    } catch (error) {
      if (!(error instanceof RowProblem)) throw error;
      refuse?.(error, at);
      dropped.push({ ...(at.origin && { file: at.origin.name }), line: at.line, reason: error.message });
    }
  };
  return {
    batch: { rows, pairs, dropped },
    /** Drafts of one row; a bad one does not take the row's others with it. */
    attempt(at: RowAt, drafts: () => readonly PairDraft[]): void {
      guarded(at, () => {
        for (const draft of drafts()) guarded(at, () => pairs.push(makePair(draft, at.line, at.origin ?? source)));
      });
    },
  };
}
