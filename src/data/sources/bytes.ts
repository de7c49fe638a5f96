/** The bytes of a data file in chunks, unpacked if gzipped; what is not text is refused by its first bytes. */
import { createReadStream } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { createGunzip } from 'node:zlib';

import { MrpoError } from '../../core/errors.js';

/** Large reads: at 1 MiB the cost of a read call is lost in the cost of parsing. */
const CHUNK_BYTES = 2 ** 20;

export interface DataBytes {
  readonly gzipped: boolean;
  /** First bytes after unpacking, at most 4 KiB; empty for an empty file. */
  readonly head: Buffer;
  /** All bytes, in chunks; a chunk is valid until the next one is asked for. */
  readonly chunks: AsyncIterable<Buffer>;
}

/**
 * Opens a data file.
 * @throws MrpoError `data` if it does not exist, is not a file, cannot be read, or is gzip that cannot be unpacked.
 */
export async function openBytes(path: string): Promise<DataBytes> {
  await requireFile(path);
  const magic = await readHead(path, 4);
  const gzipped = magic[0] === 0x1f && magic[1] === 0x8b;
  if (!gzipped && /\.gz$/i.test(path) && magic.length > 0) {
    throw new MrpoError(
      'data',
      `${path}: its name ends in .gz but its content is not gzip (first bytes ${hex(magic)})`,
    );
  }
  const chunks = gzipped ? unpackedChunks(path) : plainChunks(path);
  const head = gzipped ? await firstChunk(unpackedChunks(path)) : await readHead(path, 4096);
  return { gzipped, head: head.subarray(0, 4096), chunks };
}

async function requireFile(path: string): Promise<void> {
  const facts = await stat(path).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT' || cause.code === 'ENOTDIR') {
      throw new MrpoError('data', `${path}: no such file`, {
        cause,
        hint: 'Data sets of the Hugging Face hub are written hub:ORGANISATION/NAME.',
      });
    }
    throw unreadable(path, cause);
  });
  if (facts.isDirectory()) {
    throw new MrpoError(
      'data',
      `${path}: is a folder; expected a .jsonl, .json, .csv or .parquet file (each also .gz)`,
    );
  }
}

async function readHead(path: string, length: number): Promise<Buffer> {
  const file = await open(path).catch((cause: unknown) => {
    throw unreadable(path, cause);
  });
  try {
    const buffer = Buffer.alloc(length);
    const { bytesRead } = await file.read(buffer, 0, length, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

async function* plainChunks(path: string): AsyncGenerator<Buffer> {
  const file = await open(path);
  // One buffer for the whole file: a new one per read would make the garbage collector run after every few.
  const buffer = Buffer.allocUnsafeSlow(CHUNK_BYTES);
  try {
    for (;;) {
      const { bytesRead } = await file.read(buffer, 0, CHUNK_BYTES);
      if (bytesRead === 0) return;
      yield buffer.subarray(0, bytesRead);
    }
  } catch (cause) {
    throw cause instanceof MrpoError ? cause : unreadable(path, cause);
  } finally {
    await file.close();
  }
}

async function* unpackedChunks(path: string): AsyncGenerator<Buffer> {
  const packed = createReadStream(path, { highWaterMark: 2 ** 20 });
  const unpacked = createGunzip({ chunkSize: 2 ** 20 });
  packed.on('error', (error) => unpacked.destroy(error));
  packed.pipe(unpacked);
  try {
    for await (const chunk of unpacked) yield chunk as Buffer;
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    throw new MrpoError('data', `${path}: gzip data cannot be unpacked: ${message}`, {
      cause,
      hint: 'The file is cut short or damaged; copy or download it again.',
    });
  } finally {
    packed.destroy();
    unpacked.destroy();
  }
}

async function firstChunk(chunks: AsyncIterable<Buffer>): Promise<Buffer> {
  for await (const chunk of chunks) return chunk;
  return Buffer.alloc(0);
}

const hex = (bytes: Buffer): string => bytes.toString('hex').replace(/..(?=.)/g, '$& ');

function unreadable(path: string, cause: unknown): MrpoError {
  return new MrpoError('data', `${path}: cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`, {
    cause,
  });
}
