/** Columns of doubles in a safetensors file (https://github.com/huggingface/safetensors), whole or not there. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { MrpoError } from '../core/errors.js';
import { writeFileAtomic } from './atomic-file.js';

/** By name. */
export type Columns = Readonly<Record<string, Float64Array>>;

interface TensorEntry {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly data_offsets: readonly [number, number];
}

/** Bytes of the header's length, before the header. */
const LENGTH_BYTES = 8;

/** Writes columns as one safetensors file. @returns SHA-256 of the file. */
export async function writeColumns(path: string, columns: Columns): Promise<string> {
  const header: Record<string, TensorEntry> = {};
  let end = 0;
  for (const [name, values] of Object.entries(columns)) {
    const start = end;
    end += values.byteLength;
    header[name] = { dtype: 'F64', shape: [values.length], data_offsets: [start, end] };
  }
  const text = Buffer.from(JSON.stringify(header));
  const padded = Buffer.concat([text, Buffer.alloc(-text.length & 7, ' ')]); // the data begins at a multiple of 8
  const length = Buffer.alloc(LENGTH_BYTES);
  length.writeBigUInt64LE(BigInt(padded.length));
  const content = Buffer.concat([length, padded, ...Object.values(columns).map(bytesOf)]);
  await writeFileAtomic(path, content);
  return createHash('sha256').update(content).digest('hex');
}

/** Reads what {@link writeColumns} wrote. @throws MrpoError `data` if the file is not the one with this SHA-256. */
export async function readColumns(path: string, sha256: string): Promise<Columns> {
  const content = await readFile(path).catch((cause: unknown) => {
    throw new MrpoError('data', `${path} cannot be read: ${(cause as Error).message}`, { cause });
  });
  if (createHash('sha256').update(content).digest('hex') !== sha256) {
    throw new MrpoError('data', `${path} is not what was written`);
  }
  const data = LENGTH_BYTES + Number(content.readBigUInt64LE());
  const header = JSON.parse(content.toString('utf8', LENGTH_BYTES, data)) as Record<string, TensorEntry>;
  return Object.fromEntries(
    Object.entries(header).map(
      ([
        name,
        {
          data_offsets: [start, end],
        },
      ]) => {
        const aligned = Uint8Array.from(content.subarray(data + start, data + end));
        return [name, new Float64Array(aligned.buffer)];
      },
    ),
  );
}

const bytesOf = (column: Float64Array): Uint8Array =>
  new Uint8Array(column.buffer, column.byteOffset, column.byteLength);
