/** Parquet files, row group by row group. Gzipped ones (`.parquet.gz`) are unpacked in memory first. */
import {
  asyncBufferFromFile,
  parquetMetadataAsync,
  parquetReadObjects,
  parquetSchema,
  type AsyncBuffer,
  type FileMetaData,
  type SchemaTree,
} from 'hyparquet';
import { compressors } from 'hyparquet-compressors';

import { throwIfAborted } from '../../core/abort.js';
import { MrpoError } from '../../core/errors.js';
import type { DataBytes } from './bytes.js';
import type { ParsedRow } from './json-row.js';
import { createTextCells, type TextCells } from './parquet-text.js';
import type { RawRow, RowSource, SourceOptions } from './source.js';

export const isParquet = (head: Buffer): boolean => head.toString('latin1', 0, 4) === 'PAR1';

/** @throws MrpoError `data` if the file's footer cannot be read. */
export async function openParquet(path: string, bytes: DataBytes, options: SourceOptions): Promise<RowSource> {
  const file = bytes.gzipped ? await inMemory(bytes.chunks) : await asyncBufferFromFile(path);
  const metadata = await parquetMetadataAsync(file).catch((cause: unknown) => {
    throw damaged(path, 'its footer cannot be read', cause);
  });
  requireConsistent(path, metadata);
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

const leafPaths = (node: SchemaTree): string[] =>
  node.children.length === 0 ? [node.path.join('\0')] : node.children.flatMap(leafPaths);

async function* rowGroups(
  path: string,
  file: AsyncBuffer,
  metadata: FileMetaData,
  options: SourceOptions,
): AsyncGenerator<readonly RawRow[]> {
  const texts = columnsOfText(metadata);
  let rowStart = 0;
  for (const group of metadata.row_groups) {
    throwIfAborted(options.signal);
    const rowEnd = rowStart + Number(group.num_rows);
    const { parsers, problemIn } = createTextCells();
    const rows = await parquetReadObjects({ file, metadata, rowStart, rowEnd, compressors, parsers }).catch(
      (cause: unknown) => {
        throw damaged(path, `rows ${rowStart + 1} to ${rowEnd} cannot be read`, cause);
      },
    );
    const first = rowStart + 1;
    yield rows.map((value, index) => ({ line: first + index, ...readRow(value, texts, problemIn) }));
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
): ParsedRow {
  for (const column of texts) {
    const problem = problemIn(row[column]);
    if (problem !== undefined) return { problem: `${column}: ${problem}` };
  }
  return { value: row };
}

async function inMemory(chunks: AsyncIterable<Buffer>): Promise<AsyncBuffer> {
  const parts: Buffer[] = [];
  for await (const chunk of chunks) parts.push(Buffer.from(chunk));
  const all = new Uint8Array(Buffer.concat(parts)).buffer;
  return { byteLength: all.byteLength, slice: (start, end) => all.slice(start, end) };
}

function damaged(path: string, what: string, cause: unknown): MrpoError {
  const message = cause instanceof Error ? cause.message : String(cause);
  return new MrpoError('data', `${path}: damaged Parquet file: ${what}: ${message}`, { cause });
}
