/** Files that are one JSON object with the rows somewhere inside: under a key, or as pandas writes tables. */
import { MrpoError } from '../../core/errors.js';
import { commandFor, isDatasetInfo } from '../dataset-info.js';
import { isList, isRow, type Row } from '../fields.js';
import type { DataBytes } from './bytes.js';
import { collectBytes } from './in-memory.js';
import { jsonList } from './json-list.js';
import { parseJsonRow } from './json-row.js';
import type { JsonShape, ShapeKey } from './json-shape.js';
import type { RawRow, RowSource, SourceOptions } from './source.js';

/** Names under which rows are kept. Any other name can be said. */
const ROW_LISTS =
  /^(?:data|rows|dataset|train|training|test|testing|valid|validation|val|dev|eval|evaluation|examples|records|items|instances|samples|entries|results|pairs|preferences|comparisons|rankings)$/i;
/** Keys of a row: an object that has one is a row, whatever its other keys are called. */
const ROW_KEYS =
  /^(?:.*prompt|.*question|.*query|instruction|problem|task|text|inputs?|outputs?|messages|conversations?|context|history|chosen|rejected|responses?|completions?|answers?|candidates|generations)$/i;
/** Names that lists inside a row have as well: in a file of lines they are that. */
const LISTS_OF_A_ROW = /^(?:items|samples|entries|results|pairs|preferences|comparisons|rankings|examples)$/i;
/** Tables by columns are turned in memory. */
const MAX_TABLE_BYTES = 2 ** 28;
const BATCH_ROWS = 1024;

/** Which list of the object is meant. */
export interface ObjectOptions extends SourceOptions {
  /** The key whose list holds the rows. */
  readonly split?: string | undefined;
  /** The file is named as one of lines, each a row. */
  readonly ofLines?: boolean | undefined;
}

/**
 * The rows inside the one object of a file; `undefined` if the object is itself a row.
 * @throws MrpoError `data` if several lists may be meant, or the object is an index of other files.
 */
export async function openJsonObject(
  bytes: DataBytes,
  skipBytes: number,
  shape: JsonShape,
  options: ObjectOptions,
): Promise<RowSource | undefined> {
  const { keys } = shape;
  const named = (name: string): ShapeKey | undefined => keys.find((key) => key.name === name);
  const columns = named('columns');
  const data = named('data');
  if (columns?.kind === 'texts' && data?.kind === 'lists') return await splitTable(bytes, columns, data, options);
  const list = rowList(bytes.path, keys, options);
  if (list !== undefined) {
    const others = keys.filter((key) => key !== list && key.kind === 'objects').map(({ name }) => name);
    const read = `the rows are read from the list ${JSON.stringify(list.name)}`;
    return {
      kind: 'JSON object with a list of rows',
      place: 'row',
      notes: [
        others.length === 0 ? read : `${read}; there are ${others.map((name) => JSON.stringify(name)).join(', ')} too`,
      ],
      batches: jsonList(bytes.chunks(), list.start, bytes.path, { ...options, endsEarly: true }),
    };
  }
  const tabular = (kind: ShapeKey['kind']): boolean => keys.length > 0 && keys.every((key) => key.kind === kind);
  if (tabular('object') || (keys.length > 1 && keys.every(({ kind }) => ['texts', 'lists', 'others'].includes(kind))))
    return await wholeTable(bytes, skipBytes);
  return undefined;
}

function rowList(
  path: string,
  keys: readonly ShapeKey[],
  { split, ofLines = false }: ObjectOptions,
): ShapeKey | undefined {
  const lists = keys.filter(({ kind }) => kind === 'objects');
  if (split !== undefined) {
    const said = lists.find(({ name }) => name === split);
    if (said !== undefined) return said;
    throw manyLists(path, lists, `no list of rows ${JSON.stringify(split)}`);
  }
  if (keys.some(({ name }) => ROW_KEYS.test(name))) return undefined;
  const likely = lists.filter(({ name }) => ROW_LISTS.test(name) && !(ofLines && LISTS_OF_A_ROW.test(name)));
  if (likely.length <= 1) {
    if (likely.length === 0 && lists.length > 0 && keys.length > 1) return undefined;
    return likely[0] ?? (keys.length === 1 && !ofLines ? lists[0] : undefined);
  }
  const train = likely.find(({ name }) => /^train(?:ing)?$/i.test(name));
  if (train !== undefined) return train;
  throw manyLists(path, likely, 'several lists of rows');
}

function manyLists(path: string, lists: readonly ShapeKey[], what: string): MrpoError {
  const there = lists.map(({ name, entries }) => `${JSON.stringify(name)} (${entries})`).join(', ') || 'none';
  return new MrpoError('data', `${path}: holds one JSON object with ${what}; its lists: ${there}`, {
    hint: 'Say which with split: NAME beside path: (mrpo data: --split NAME).',
  });
}

/** pandas' `orient="split"`: names in `columns`, rows as lists in `data`. */
async function splitTable(
  bytes: DataBytes,
  columns: ShapeKey,
  data: ShapeKey,
  options: SourceOptions,
): Promise<RowSource> {
  const names: unknown[] = [];
  for await (const batch of jsonList(bytes.chunks(), columns.start, bytes.path, { ...options, endsEarly: true }))
    for (const { value } of batch) names.push(value);
  async function* rows(): AsyncGenerator<readonly RawRow[]> {
    for await (const batch of jsonList(bytes.chunks(), data.start, bytes.path, { ...options, endsEarly: true }))
      yield batch.map((row) => namedRow(row, names));
  }
  return { kind: 'JSON table (columns and data)', place: 'row', notes: [], batches: rows() };
}

function namedRow(row: RawRow, names: readonly unknown[]): RawRow {
  if (row.problem !== undefined) return row;
  const cells = row.value;
  if (!isList(cells) || cells.length !== names.length)
    return { line: row.line, problem: `expected a list of ${names.length} values, as many as there are columns` };
  return { line: row.line, value: Object.fromEntries(names.map((name, index) => [String(name), cells[index]])) };
}

/**
 * Tables by columns (`{"prompt": {"0": ...}}` of pandas, `{"prompt": [...]}` of `datasets`) and rows by their id
 * (`{"id1": {...}}`). Turned in memory.
 */
async function wholeTable(bytes: DataBytes, skipBytes: number): Promise<RowSource | undefined> {
  const text = await collectBytes(limited(bytes));
  const parsed = parseJsonRow(text.subarray(skipBytes));
  if ('problem' in parsed)
    throw new MrpoError('data', `${bytes.path}: one JSON object over all of the file: ${parsed.problem}`);
  const table = Object.entries(parsed.value as Readonly<Record<string, unknown>>);
  if (isDatasetInfo(table.map(([, value]) => value)))
    throw new MrpoError(
      'data',
      `${bytes.path}: an index of data files (dataset_info.json of LLaMA-Factory), not rows`,
      {
        hint: `Its entries are read so: ${table
          .slice(0, 5)
          .map(([name, entry]) => `${name}: mrpo data ${commandFor(entry as Row)}`)
          .join('; ')}.`,
      },
    );
  const rows = rowsOf(table);
  if (rows === undefined) return undefined;
  const { kind, values } = rows;
  return { kind, place: 'row', notes: [], batches: batchesOf(values) };
}

function rowsOf(
  table: readonly (readonly [string, unknown])[],
): { readonly kind: string; readonly values: readonly unknown[] } | undefined {
  const first = table[0]?.[1];
  if (isList(first)) {
    if (!table.every(([, column]) => isList(column) && column.length === first.length)) return undefined;
    const values = first.map((_, index) =>
      Object.fromEntries(table.map(([name, column]) => [name, (column as readonly unknown[])[index]])),
    );
    return { kind: 'JSON table (lists by column)', values };
  }
  const counted = (names: readonly string[]): boolean => names.length > 0 && names.every((name) => /^\d+$/.test(name));
  if (isRow(first) && counted(Object.keys(first)) && !counted(table.map(([name]) => name))) {
    const columns = table.map(([name, column]) => [name, column as Readonly<Record<string, unknown>>] as const);
    const values = Object.keys(first).map((key) =>
      Object.fromEntries(columns.map(([name, column]) => [name, column[key]])),
    );
    return { kind: 'JSON table (cells by column)', values };
  }
  return { kind: 'JSON object of rows', values: table.map(([, row]) => row) };
}

async function* limited(bytes: DataBytes): AsyncGenerator<Buffer> {
  let total = 0;
  for await (const chunk of bytes.chunks()) {
    total += chunk.length;
    if (total > MAX_TABLE_BYTES)
      throw new MrpoError('data', `${bytes.path}: one JSON object of more than ${MAX_TABLE_BYTES / 2 ** 20} MiB`, {
        hint: 'Write the table as JSON lines: pandas to_json(orient="records", lines=True), datasets to_json().',
      });
    yield chunk;
  }
}

async function* batchesOf(values: readonly unknown[]): AsyncGenerator<readonly RawRow[]> {
  for (let start = 0; start < values.length; start += BATCH_ROWS) {
    yield await Promise.resolve(
      values.slice(start, start + BATCH_ROWS).map((value, index) => ({ line: start + index + 1, value })),
    );
  }
}
