/** Parquet files, row group by row group. Gzipped ones (`.parquet.gz`) are unpacked in memory first. */
import { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects, type AsyncBuffer, type FileMetaData } from 'hyparquet';
import { compressors } from 'hyparquet-compressors';

import { throwIfAborted } from '../../core/abort.js';
import { MrpoError } from '../../core/errors.js';
import type { DataBytes } from './bytes.js';
import type { RawRow, RowSource, SourceOptions } from './source.js';

export const isParquet = (head: Buffer): boolean => head.toString('latin1', 0, 4) === 'PAR1';

/** @throws MrpoError `data` if the file's footer cannot be read. */
export async function openParquet(path: string, bytes: DataBytes, options: SourceOptions): Promise<RowSource> {
  const file = bytes.gzipped ? await inMemory(bytes.chunks) : await asyncBufferFromFile(path);
  const metadata = await parquetMetadataAsync(file).catch((cause: unknown) => {
    throw damaged(path, 'its footer cannot be read', cause);
  });
  return { kind: 'Parquet', notes: [], batches: rowGroups(path, file, metadata, options) };
}

async function* rowGroups(
  path: string,
  file: AsyncBuffer,
  metadata: FileMetaData,
  options: SourceOptions,
): AsyncGenerator<readonly RawRow[]> {
  let rowStart = 0;
  for (const group of metadata.row_groups) {
    throwIfAborted(options.signal);
    const rowEnd = rowStart + Number(group.num_rows);
    const rows = await parquetReadObjects({ file, metadata, rowStart, rowEnd, compressors }).catch((cause: unknown) => {
      throw damaged(path, `rows ${rowStart + 1} to ${rowEnd} cannot be read`, cause);
    });
    const first = rowStart + 1;
    yield rows.map((value, index) => ({ line: first + index, value }));
    rowStart = rowEnd;
  }
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
