/** Arrow files: Feather, `.arrow` shards of the `datasets` library, IPC streams. One record batch at a time. */
import { isUtf8 } from 'node:buffer';
import { CompressionType, setCompressionCodec, tableFromIPC, Type, type Codec } from '@uwdata/flechette';
import { decompress as unpackZstd } from 'fzstd';

import { throwIfAborted } from '../../core/abort.js';
import { MrpoError } from '../../core/errors.js';
import type { Row } from '../fields.js';
import { checkColumn } from './arrow-checks.js';
import { arrowMessages } from './arrow-messages.js';
import type { DataBytes } from './bytes.js';
import { classLabels } from './class-labels.js';
import { unpackLz4Frame } from './lz4-frame.js';
import { DEFAULT_MAX_UNPACKED_BYTES, type RawRow, type RowSource, type SourceOptions } from './source.js';
import { gigabytes } from './unpack.js';

const RECORD_BATCH = 3;
const DICTIONARY = 2;
const BATCH_ROWS = 1024;

/** Rows of an Arrow file or stream; nothing is read before the first batch is asked for. */
export function openArrow(bytes: DataBytes, options: SourceOptions): RowSource {
  return { kind: 'Arrow', place: 'row', notes: [], batches: arrowRows(bytes, options) };
}

async function* arrowRows(bytes: DataBytes, options: SourceOptions): AsyncGenerator<readonly RawRow[]> {
  const limit = options.maxUnpackedBytes ?? DEFAULT_MAX_UNPACKED_BYTES;
  let before: Buffer[] = [];
  let line = 0;
  try {
    for await (const { type, bytes: message } of arrowMessages(bytes.chunks(), limit)) {
      if (type !== RECORD_BATCH) {
        // The schema comes first; a dictionary belongs to all batches after it.
        if (before.length === 0 || type === DICTIONARY) before = [...before, message];
        continue;
      }
      const table = decode([...before, message], limit);
      const columns = Array.from({ length: table.numCols }, (_, index) => table.getChildAt<unknown>(index));
      for (const column of columns) column.data.forEach((batch) => checkColumn(batch));
      const named = classLabels(table.schema.metadata?.get('huggingface'));
      const doubtful = columns.map((column) => column.data.some(holdsOtherText));
      for (let start = 0; start < table.numRows; start += BATCH_ROWS) {
        throwIfAborted(options.signal);
        const rows: RawRow[] = [];
        for (let at = start; at < Math.min(table.numRows, start + BATCH_ROWS); at++) {
          const cells = columns.map((column, index) => [table.names[index], plainValue(column.get(at))] as const);
          const bad = cells.find(([, value], index) => doubtful[index] === true && hasReplacement(value));
          line++;
          if (bad !== undefined) rows.push({ line, problem: `${String(bad[0])}: not UTF-8` });
          else {
            const row = Object.fromEntries(cells) as Row;
            rows.push({ line, value: named === undefined ? row : named(row) });
          }
        }
        yield rows;
      }
    }
  } catch (cause) {
    if (cause instanceof MrpoError) throw cause;
    const message = cause instanceof Error ? cause.message : String(cause);
    throw new MrpoError('data', `${bytes.path}: damaged Arrow file, after row ${line}: ${message}`, { cause });
  }
}

/** A batch with all that it refers to. What its compressed buffers claim to unpack to is bounded together. */
function decode(messages: Buffer[], limit: number): ReturnType<typeof tableFromIPC> {
  let left = limit;
  const bounded = (unpack: (packed: Uint8Array, size: number) => Uint8Array): Codec => ({
    encode: () => {
      throw new Error('Arrow data is only read');
    },
    decode: (packed, size) => {
      left -= size;
      if (size < 0 || left < 0)
        throw new Error(`a batch unpacks to more than ${gigabytes(limit)} (data.max_unpacked_gb)`);
      return unpack(packed, size);
    },
  });
  // The decoder knows one set of codecs for the whole process; it runs to its end at once, so nobody else sees these.
  setCompressionCodec(CompressionType.LZ4_FRAME, bounded(unpackLz4Frame));
  setCompressionCodec(CompressionType.ZSTD, bounded(unpackZstdBuffer));
  return tableFromIPC(messages, { useBigInt: true, useDate: true });
}

function unpackZstdBuffer(packed: Uint8Array, size: number): Uint8Array {
  const unpacked = unpackZstd(packed, new Uint8Array(size));
  if (unpacked.length !== size) throw new Error(`a zstd frame of ${unpacked.length} bytes in place of ${size}`);
  return unpacked;
}

type ColumnBatch = ReturnType<ReturnType<typeof decode>['getChildAt']>['data'][number];

/** Whether a column has text that is not UTF-8, at any depth: its decoder puts U+FFFD there and says nothing. */
function holdsOtherText({ type, values, children }: ColumnBatch): boolean {
  const text = type.typeId === Type.Utf8 || type.typeId === Type.LargeUtf8;
  if (text && values instanceof Uint8Array && !isUtf8(values)) return true;
  return (children ?? []).some((child) => holdsOtherText(child));
}

function hasReplacement(value: unknown): boolean {
  if (typeof value === 'string') return value.includes('\ufffd');
  return typeof value === 'object' && value !== null && Object.values(value).some(hasReplacement);
}

/** Values as JSON would have them: structs are objects already; lists come as arrays of numbers or of values. */
function plainValue(value: unknown): unknown {
  if (typeof value === 'object' && value !== null) {
    if (Array.isArray(value)) return value.map(plainValue);
    if (value instanceof Date || value instanceof Uint8Array) return value;
    if (ArrayBuffer.isView(value)) return Array.from(value as unknown as ArrayLike<unknown>);
    return Object.fromEntries(Object.entries(value).map(([name, inside]) => [name, plainValue(inside)]));
  }
  return value;
}
