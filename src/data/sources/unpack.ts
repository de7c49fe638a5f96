/** Packed data files unpacked as a stream: gzip, zstd, or the one table of a zip archive. How much comes out is bounded. */
import { createReadStream } from 'node:fs';
import { createGunzip } from 'node:zlib';
import { Decompress } from 'fzstd';

import { MrpoError } from '../../core/errors.js';

/** How a file is packed, as messages say it. */
export type Packing = 'gzipped' | 'zstd-compressed';

const CHUNK_BYTES = 2 ** 20;

/** How a file is packed, by its first bytes; `undefined` if not at all. */
export function packingOf(magic: Buffer): Packing | undefined {
  if (magic[0] === 0x1f && magic[1] === 0x8b) return 'gzipped';
  return magic.length >= 4 && magic.readUInt32LE(0) === 0xfd2fb528 ? 'zstd-compressed' : undefined;
}

/** The unpacked bytes. @throws MrpoError `data` if they cannot be unpacked. */
export async function* unpackedChunks(path: string, packing: Packing): AsyncGenerator<Buffer> {
  try {
    yield* packing === 'gzipped' ? gunzipped(path) : unzstd(path);
  } catch (cause) {
    if (cause instanceof MrpoError) throw cause;
    const message = cause instanceof Error ? cause.message : String(cause);
    throw new MrpoError(
      'data',
      `${path}: ${packing === 'gzipped' ? 'gzip' : 'zstd'} data cannot be unpacked: ${message}`,
      {
        cause,
        hint: 'The file is cut short or damaged; copy or download it again.',
      },
    );
  }
}

/** The chunks as long as they are not more than `limit` bytes together. @throws MrpoError `data` beyond. */
export async function* boundedChunks(
  chunks: AsyncIterable<Buffer>,
  path: string,
  limit: number,
): AsyncGenerator<Buffer> {
  let bytes = 0;
  for await (const chunk of chunks) {
    bytes += chunk.length;
    if (bytes > limit) throw tooMuch(path, `it unpacks to more than ${gigabytes(limit)}`, limit);
    yield chunk;
  }
}

/** What is said of a file that unpacks to more than is allowed. */
export const tooMuch = (path: string, what: string, limit: number): MrpoError =>
  new MrpoError('data', `${path}: ${what}, which is the limit for packed files`, {
    hint: 'If that is no accident, raise data.max_unpacked_gb (mrpo data: --max-unpacked-gb), or unpack the file first.',
    details: { limit },
  });

/** A size for people, in units of 10^9 bytes: "2.5 GB". */
export const gigabytes = (bytes: number): string => `${Number((bytes / 1e9).toPrecision(3))} GB`;

async function* gunzipped(path: string): AsyncGenerator<Buffer> {
  const packed = createReadStream(path, { highWaterMark: CHUNK_BYTES });
  const unpacked = createGunzip({ chunkSize: CHUNK_BYTES });
  packed.on('error', (error) => unpacked.destroy(error));
  packed.pipe(unpacked);
  try {
    for await (const chunk of unpacked) yield chunk as Buffer;
  } finally {
    packed.destroy();
    unpacked.destroy();
  }
}

/** Small pieces go in: one of them may unpack to thousands of times its size. */
const ZSTD_PIECE_BYTES = 2 ** 14;

async function* unzstd(path: string): AsyncGenerator<Buffer> {
  const packed = createReadStream(path, { highWaterMark: ZSTD_PIECE_BYTES });
  let ready: Buffer[] = [];
  const decoder = new Decompress((chunk) => {
    if (chunk.length > 0) ready.push(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength));
  });
  try {
    for await (const piece of packed) {
      decoder.push(piece as Buffer);
      yield* ready;
      ready = [];
    }
    decoder.push(new Uint8Array(0), true);
    yield* ready;
  } finally {
    packed.destroy();
  }
}
