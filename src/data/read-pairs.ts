/** Reading preference pairs as a stream: source → rows → format → pairs, with every row that is dropped and why. */
import { describeValue } from '../core/describe-value.js';
import { MrpoError } from '../core/errors.js';
import { requireColumns, type ColumnMapping } from './columns.js';
import { withEmbedded } from './embedded.js';
import { isRow, type Row } from './fields.js';
import { refuseScore } from './formats/answer-scores.js';
import { FORMATS, type Format, type FormatContext } from './formats/index.js';
import { pairsOfAnswers } from './formats/pair-row.js';
import { createGatherer, type Gatherer } from './gather.js';
import { makePair, type PairDraft } from './make-pair.js';
import type { MessageKeys } from './messages.js';
import type { PreferencePair, RowOrigin } from './pair.js';
import type { PairingRule } from './pairing.js';
import { createReadReport, reportNotes, type ReadReport } from './read-report.js';
import { recogniseFormat } from './recognise-format.js';
import { createRowReader, type RowReader } from './row-reader.js';
import { RowProblem } from './row-problem.js';
import { openSource, type OpenOptions } from './sources/open-source.js';
import type { RawRow, RowAt, RowPlace, RowSource } from './sources/source.js';
import { stopAtConcerns } from './stop-at-concerns.js';
import { createTally, type Tally } from './tally.js';
import type { VerdictValues } from './verdict/sides.js';

export interface ReadOptions extends OpenOptions {
  /** Name of a format, or `auto` (default): recognised from the first rows. */
  readonly format?: string | undefined;
  /** Column of each role, as a name or a dotted path; wins over every name that a format knows. */
  readonly columns?: ColumnMapping | undefined;
  /** What the values of the verdict between two answers mean. */
  readonly verdict?: VerdictValues | undefined;
  /** Keys of messages and names of speakers, where they are not recognised. */
  readonly messages?: MessageKeys | undefined;
  /** Columns that are left out, whatever they may mean. */
  readonly ignore?: readonly string[] | undefined;
  /** Default `best-vs-worst`. */
  readonly pairing?: PairingRule | undefined;
  /** Field that scores an answer, for formats with several. */
  readonly score?: string | undefined;
  /** Whether less of the score is better. Default: as its name says; asked where that is not plain. */
  readonly lowerIsBetter?: boolean | undefined;
  /** Of random pairings. Default 0. */
  readonly seed?: number | undefined;
  /** Throw at the first row that cannot be used. Default false: drop and count. */
  readonly strict?: boolean | undefined;
}

export interface DroppedRow {
  /** The file, where the source has several. */
  readonly file?: string;
  readonly line: number;
  readonly reason: string;
}

export interface PairBatch {
  /** Rows of the file that this batch is made from. */
  readonly rows: number;
  readonly pairs: readonly PreferencePair[];
  readonly dropped: readonly DroppedRow[];
}

export interface PairStream {
  /** What the file turned out to be, e.g. `JSON lines, gzipped`. */
  readonly kind: string;
  /** What the `line` of its rows counts. */
  readonly place: RowPlace;
  /** Name of the format of its rows. */
  readonly format: string;
  /** What the user should know; grows until the last batch is read. */
  readonly notes: readonly string[];
  readonly batches: AsyncIterable<PairBatch>;
  /** What was read as what, and what was not; of the rows read so far. */
  report(): ReadReport;
}

/** Rows looked at to recognise the format. */
const SAMPLE_ROWS = 64;

/** Fields that make a row something else than text. */
const REFUSED_FIELDS = ['images', 'image', 'videos', 'audios'];

/**
 * Opens a file and recognises its format; rows are read as the batches are.
 * @throws MrpoError `data` if the source cannot be opened, no format fits its first rows, or they hold something that is
 *   not read and may change what they mean.
 */
export async function readPairs(source: string, options: ReadOptions = {}): Promise<PairStream> {
  const opened = await openSource(source, options);
  const iterator = opened.batches[Symbol.asyncIterator]();
  const head: RawRow[] = [];
  while (head.length < SAMPLE_ROWS) {
    const next = await iterator.next();
    if (next.done === true) break;
    for (const row of next.value) head.push(row);
  }
  const reading = await orClose(iterator, () => createReading(source, opened, head, options));
  const rest: AsyncIterable<readonly RawRow[]> = { [Symbol.asyncIterator]: () => iterator };
  return {
    kind: opened.kind,
    place: opened.place,
    format: reading.format.name,
    notes: reading.notes,
    batches: pairBatches({ name: source, place: opened.place }, head, rest, reading, options.strict === true),
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

function createReading(source: string, opened: RowSource, head: readonly RawRow[], options: ReadOptions): FileReading {
  const tally = createTally();
  const sample = sampleOf(source, opened, head);
  const columns = options.columns ?? {};
  requireColumns(sample, columns, source);
  let paired = 0;
  const gatherer = createGatherer((scored) => pairsOfAnswers(scored, context));
  const context: FormatContext = {
    named: (options.format ?? 'auto') !== 'auto',
    columns,
    verdict: options.verdict,
    messages: options.messages,
    pairing: options.pairing ?? 'best-vs-worst',
    score: options.score,
    lowerIsBetter: options.lowerIsBetter,
    ignore: options.ignore ?? [],
    seed: options.seed ?? 0,
    sample,
    tally,
    gathered: gatherer,
    onPaired: () => (paired += 1),
  };
  const format = recogniseFormat(source, options.format ?? 'auto', FORMATS, context);
  if (format.scored !== true) refuseScore(options.score, format.name);
  const reader = createRowReader(format, context.named ? [] : FORMATS, context);
  const first = sample.map((row) => reader.planOf(row)).find((plan) => plan?.format === format);
  stopAtConcerns(source, sample, reader);
  const note = first?.reading.note;
  return {
    format,
    reader,
    context,
    gatherer,
    tally,
    roles: first?.reading.roles ?? {},
    notes: [...opened.notes, ...(note === undefined ? [] : [note])],
    paired: () => paired,
  };
}

function sampleOf(source: string, { place }: RowSource, head: readonly RawRow[]): readonly Row[] {
  const rows = head.map(({ value }) => value).filter(isRow);
  if (rows.length > 0) return rows.slice(0, SAMPLE_ROWS).map((row) => withEmbedded(row, createTally()));
  const first = head.find(({ problem }) => problem !== undefined) ?? head[0];
  if (first === undefined) throw new MrpoError('data', `${source}: no row can be read; it has none`);
  const reason = first.problem ?? `expected an object with fields, got ${describeValue(first.value)}`;
  throw new MrpoError('data', `${source}: no row can be read; first: ${place} ${first.line}: ${reason}`);
}

async function* pairBatches(
  origin: RowOrigin,
  head: readonly RawRow[],
  rest: AsyncIterable<readonly RawRow[]>,
  reading: FileReading,
  strict: boolean,
): AsyncGenerator<PairBatch> {
  const { reader, tally, gatherer, notes } = reading;
  const refuse = strict ? strictly(origin) : undefined;
  const readBatch = (rows: readonly RawRow[]): PairBatch => {
    const collector = createCollector(rows.length, origin, refuse);
    for (const raw of rows) {
      tally.nextRow();
      collector.attempt(raw, () => reader.read(withEmbedded(usableRow(raw), tally), raw));
    }
    return collector.batch;
  };
  yield readBatch(head);
  for await (const rows of rest) yield readBatch(rows);
  yield gatheredPairs(gatherer, origin, refuse);
  if (reading.paired() > 0) notes.push(pairingNote(reading.paired(), reading.context));
  for (const note of reportNotes(createReadReport(tally, reading.roles), tally)) notes.push(note);
}

function gatheredPairs(gatherer: Gatherer, origin: RowOrigin, refuse: Refusal | undefined): PairBatch {
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

function usableRow(raw: RawRow): Row {
  if (raw.problem !== undefined) throw new RowProblem(raw.problem);
  const row = raw.value;
  if (!isRow(row)) throw new RowProblem(`expected an object with fields, got ${describeValue(row)}`);
  for (const field of REFUSED_FIELDS) {
    if (isPresent(row[field])) throw new RowProblem(`${field}: only text can be used`);
  }
  return row;
}

const isPresent = (value: unknown): boolean =>
  value !== undefined && value !== null && value !== '' && !(Array.isArray(value) && value.length === 0);
