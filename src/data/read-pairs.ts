/** Reading preference pairs as a stream: source → rows → format → pairs, with every row that is dropped and why. */
import { describeValue } from '../core/describe-value.js';
import { MrpoError } from '../core/errors.js';
import { renameColumns, requireColumns, type ColumnMapping } from './columns.js';
import { isRow, type Row } from './fields.js';
import { FORMATS, type AnswerFormat, type Format, type FormatContext } from './formats/index.js';
import { pairsOfAnswers } from './formats/pair-row.js';
import { makePair, type PairDraft } from './make-pair.js';
import type { PreferencePair, RowOrigin } from './pair.js';
import type { PairingRule, ScoredAnswers } from './pairing.js';
import { recogniseFormat } from './recognise-format.js';
import { RowProblem } from './row-problem.js';
import { openSource, type OpenOptions } from './sources/open-source.js';
import type { RawRow, RowPlace, RowSource } from './sources/source.js';

export interface ReadOptions extends OpenOptions {
  /** Name of a format, or `auto` (default): recognised from the first rows. */
  readonly format?: string | undefined;
  /** Column names, for tables whose columns are called otherwise. */
  readonly columns?: ColumnMapping | undefined;
  /** Default `best-vs-worst`. */
  readonly pairing?: PairingRule | undefined;
  /** Field that scores an answer, for formats with several. */
  readonly score?: string | undefined;
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
}

/** Rows looked at to recognise the format. */
const SAMPLE_ROWS = 64;

/** Fields that change nothing for text-only training, and fields that make a row something else. */
const IGNORED_FIELDS = ['tools', 'chat_template_kwargs'];
const REFUSED_FIELDS = ['images', 'image', 'videos', 'audios'];

/**
 * Opens a file and recognises its format; rows are read as the batches are.
 * @throws MrpoError `data` if the source cannot be opened or no format fits its first rows.
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
  const sample = head
    .map(({ value }) => value)
    .filter(isRow)
    .slice(0, SAMPLE_ROWS);
  requireRow(source, opened, sample, head);
  const renamed = renamedSample(source, sample, options.columns);
  const format = recogniseFormat(source, options.format ?? 'auto', renamed, FORMATS);
  const note = format.note?.(renamed);
  const notes = [...opened.notes, ...(note === undefined ? [] : [note])];
  const rest: AsyncIterable<readonly RawRow[]> = { [Symbol.asyncIterator]: () => iterator };
  return {
    kind: opened.kind,
    place: opened.place,
    format: format.name,
    notes,
    batches: pairBatches(source, opened.place, head, rest, format, options, notes),
  };
}

function requireRow(source: string, { place }: RowSource, sample: readonly Row[], head: readonly RawRow[]): void {
  if (sample.length > 0) return;
  const first = head.find(({ problem }) => problem !== undefined) ?? head[0];
  if (first === undefined) throw new MrpoError('data', `${source}: no row can be read; it has none`);
  const reason = first.problem ?? `expected an object with fields, got ${describeValue(first.value)}`;
  throw new MrpoError('data', `${source}: no row can be read; first: ${place} ${first.line}: ${reason}`);
}

function renamedSample(source: string, sample: readonly Row[], columns: ColumnMapping | undefined): readonly Row[] {
  if (columns === undefined) return sample;
  requireColumns(sample, columns, source);
  return sample.filter((row) => hasColumns(row, columns)).map((row) => renameColumns(row, columns));
}

const hasColumns = (row: Row, columns: ColumnMapping): boolean =>
  Object.values(columns).every((column) => column === undefined || Object.hasOwn(row, column as string));

async function* pairBatches(
  source: string,
  place: RowPlace,
  head: readonly RawRow[],
  rest: AsyncIterable<readonly RawRow[]>,
  format: Format,
  options: ReadOptions,
  notes: string[],
): AsyncGenerator<PairBatch> {
  let paired = 0;
  const context: FormatContext = {
    named: (options.format ?? 'auto') !== 'auto',
    pairing: options.pairing ?? 'best-vs-worst',
    score: options.score,
    seed: options.seed ?? 0,
    onPaired: () => (paired += 1),
  };
  const origin: RowOrigin = { name: source, place };
  const refuse = options.strict === true ? strictly(origin) : undefined;
  const ignored = new Map<string, number>();
  const groups = new Map<string, AnswerGroup>();
  const readBatch = (rows: readonly RawRow[]): PairBatch => {
    const collector = createCollector(rows.length, origin, refuse);
    for (const raw of rows) {
      collector.attempt(raw, () => {
        const usable = usableRow(raw, ignored);
        const row = options.columns === undefined ? usable : renameColumns(usable, options.columns);
        if ('toPairs' in format) return format.toPairs(row, context);
        gather(groups, format, row, { line: raw.line, origin: raw.origin }, context);
        return [];
      });
    }
    return collector.batch;
  };
  yield readBatch(head);
  for await (const rows of rest) yield readBatch(rows);
  if ('toAnswer' in format) yield pairGroups(groups, context, origin, refuse);
  if (paired > 0) notes.push(pairingNote(paired, context));
  for (const [field, count] of ignored) notes.push(`${field}: ignored in ${count} row${count === 1 ? '' : 's'}`);
}

function pairingNote(prompts: number, { pairing, score }: FormatContext): string {
  const by = score === undefined ? '' : `, by ${score}`;
  return `the answers to ${prompts} prompt${prompts === 1 ? '' : 's'} are paired ${pairing}${by}`;
}

/** Ends the reading at a row that cannot be used. */
type Refusal = (problem: RowProblem, at: RowAt) => never;

/** Where a row is. */
type RowAt = Pick<RawRow, 'line' | 'origin'>;

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

function usableRow(raw: RawRow, ignored: Map<string, number>): Row {
  if (raw.problem !== undefined) throw new RowProblem(raw.problem);
  const row = raw.value;
  if (!isRow(row)) throw new RowProblem(`expected an object with fields, got ${describeValue(row)}`);
  for (const field of REFUSED_FIELDS) {
    if (isPresent(row[field])) throw new RowProblem(`${field}: only text can be used`);
  }
  for (const field of IGNORED_FIELDS) {
    if (isPresent(row[field])) ignored.set(field, (ignored.get(field) ?? 0) + 1);
  }
  return row;
}

const isPresent = (value: unknown): boolean =>
  value !== undefined && value !== null && value !== '' && !(Array.isArray(value) && value.length === 0);

interface AnswerGroup {
  readonly at: RowAt;
  readonly answers: ScoredAnswers['answers'][number][];
  readonly prompt: ScoredAnswers['prompt'];
  readonly plain: boolean;
}

function gather(
  groups: Map<string, AnswerGroup>,
  format: AnswerFormat,
  row: Row,
  at: RowAt,
  context: FormatContext,
): void {
  const answer = format.toAnswer(row, context);
  const key = JSON.stringify(answer.prompt);
  const group = groups.get(key);
  if (group === undefined) groups.set(key, { ...answer, at, answers: [...answer.answers] });
  else for (const one of answer.answers) group.answers.push(one);
}

function pairGroups(
  groups: ReadonlyMap<string, AnswerGroup>,
  context: FormatContext,
  source: RowOrigin,
  refuse: Refusal | undefined,
): PairBatch {
  const collector = createCollector(0, source, refuse);
  for (const group of groups.values()) collector.attempt(group.at, () => pairsOfAnswers(group, context));
  return collector.batch;
}
