/** Parquet files, row group by row group. Packed ones (`.parquet.gz`) are unpacked in memory first. */
import {
  asyncBufferFromFile,
  parquetMetadataAsync,
  parquetReadObjects,
  parquetSchema,
  type AsyncBuffer,
  type Compressors,
  type FileMetaData,
  type SchemaTree,
} from 'hyparquet';
import { compressors } from 'hyparquet-compressors';

import { throwIfAborted } from '../../core/abort.js';
import { MrpoError } from '../../core/errors.js';
import type { DataBytes } from './bytes.js';
import { classLabels } from './class-labels.js';
import type { ParsedRow } from './json-row.js';
import { randomAccess } from './in-memory.js';
import { createTextCells, type TextCells } from './parquet-text.js';
import { DEFAULT_MAX_UNPACKED_BYTES, type RawRow, type RowSource, type SourceOptions } from './source.js';
import { gigabytes, tooMuch } from './unpack.js';

/** Whether a file begins with Parquet's mark. @param head Its first bytes, at least 4. */
export const isParquet = (head: Buffer): boolean => head.toString('latin1', 0, 4) === 'PAR1';

/**
 * Opens a Parquet file by its footer; row groups are read as the batches are.
 * @throws MrpoError `data` if the file's footer cannot be read.
 */
export async function openParquet(bytes: DataBytes, options: SourceOptions): Promise<RowSource> {
  const { path, packing } = bytes;
  const file = packing === undefined ? await asyncBufferFromFile(path) : await randomAccess(bytes.chunks());
  const metadata = await parquetMetadataAsync(file).catch((cause: unknown) => {
    throw damaged(path, 'its footer cannot be read', cause);
  });
  requireConsistent(path, metadata);
  requireBounded(path, metadata, options.maxUnpackedBytes ?? DEFAULT_MAX_UNPACKED_BYTES);
  return { kind: 'Parquet', place: 'row', notes: [], batches: rowGroups(path, file, metadata, options) };
}

/**
 * A footer whose row groups have other columns than its schema is damaged. The reader would decode a column that no
 * row asks for, and a failure there would reach nobody but the process.
 */
function requireConsistent(path: string, metadata: FileMetaData): void {
  const fail = (what: string): never => {
    throw damaged(path, 'its footer contradicts itself', new Error(what));
  };
  try {
    const leaves = leafPaths(parquetSchema(metadata));
    if (new Set(leaves).size !== leaves.length) fail('a column appears twice');
    const wanted = [...leaves].sort().join('\n');
    for (const { columns } of metadata.row_groups) {
      const there = columns.map((column) => column.meta_data?.path_in_schema.join('\0') ?? '');
      if ([...there].sort().join('\n') !== wanted) fail('a row group has other columns than the schema');
    }
  } catch (cause) {
    throw cause instanceof MrpoError ? cause : damaged(path, 'its footer cannot be read', cause);
  }
}

/**
 * A row group is unpacked as a whole. What it claims is checked before, with the cells that its rows are made of: a
 * column of one repeated value takes no bytes at all.
 */
function requireBounded(path: string, { row_groups }: FileMetaData, limit: number): void {
  row_groups.forEach(({ num_rows, columns }, index) => {
    const pages = columns.reduce((sum, { meta_data }) => sum + Number(meta_data?.total_uncompressed_size ?? 0), 0);
    const cells = Number(num_rows) * columns.length * CELL_BYTES;
    if (pages + cells <= limit) return;
    throw tooMuch(
      path,
      `row group ${index + 1} unpacks to ${gigabytes(pages + cells)}, more than ${gigabytes(limit)}`,
      limit,
    );
  });
}

/** Least memory of a cell, whatever it holds. */
const CELL_BYTES = 8;

/** The unpackers, each with a limit of how much it may give: more than the file claimed for all is a lie. */
function boundedCompressors(limit: number): Compressors {
  const entries = Object.entries(compressors).map(([codec, unpack]) => [
    codec,
    (input: Uint8Array, outputLength: number) => {
      if (outputLength > limit) throw new Error(`a page unpacks to more than ${gigabytes(limit)}`);
      return unpack(input, outputLength);
    },
  ]);
  return Object.fromEntries(entries) as Compressors;
}

const leafPaths = (node: SchemaTree): string[] =>
  node.children.length === 0 ? [node.path.join('\0')] : node.children.flatMap(leafPaths);

async function* rowGroups(
  path: string,
  file: AsyncBuffer,
  metadata: FileMetaData,
  options: SourceOptions,
): AsyncGenerator<readonly RawRow[]> {
  const texts = columnsOfText(metadata);
  const named = classLabels(metadata.key_value_metadata?.find(({ key }) => key === 'huggingface')?.value);
  const unpackers = boundedCompressors(options.maxUnpackedBytes ?? DEFAULT_MAX_UNPACKED_BYTES);
  let rowStart = 0;
  for (const group of metadata.row_groups) {
    throwIfAborted(options.signal);
    const rowEnd = rowStart + Number(group.num_rows);
    const { parsers, problemIn } = createTextCells();
    const rows = await parquetReadObjects({ file, metadata, rowStart, rowEnd, compressors: unpackers, parsers }).catch(
      (cause: unknown) => {
        throw damaged(path, `rows ${rowStart + 1} to ${rowEnd} cannot be read`, cause);
      },
    );
    const first = rowStart + 1;
    yield rows.map((value, index) => ({ line: first + index, ...readRow(value, texts, problemIn, named) }));
    rowStart = rowEnd;
  }
}

/** Columns that the file says are text, or that hold values inside values; of plain bytes nobody knows. */
const columnsOfText = (metadata: FileMetaData): string[] =>
  parquetSchema(metadata)
    .children.filter(
      ({ element: { type, converted_type: converted, logical_type: logical } }) =>
        type !== 'BYTE_ARRAY' || converted !== undefined || logical !== undefined,
    )
    .map(({ element }) => element.name);

function readRow(
  row: Readonly<Record<string, unknown>>,
  texts: readonly string[],
  problemIn: TextCells['problemIn'],
  named: ReturnType<typeof classLabels>,
): ParsedRow {
  for (const column of texts) {
    const problem = problemIn(row[column]);
    if (problem !== undefined) return { problem: `${column}: ${problem}` };
  }
  return { value: named === undefined ? row : named(row) };
}

function damaged(path: string, what: string, cause: unknown): MrpoError {
  const message = cause instanceof Error ? cause.message : String(cause);
  return new MrpoError('data', `${path}: damaged Parquet file: ${what}: ${message}`, { cause });
}
