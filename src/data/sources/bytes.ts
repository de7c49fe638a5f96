/** The bytes of a data file in chunks, unpacked if it is packed; what is not text is refused by its first bytes. */
import { open, stat } from 'node:fs/promises';

import { MrpoError } from '../../core/errors.js';
import { boundedChunks, packingOf, unpackedChunks } from './unpack.js';
import { isZip, openZip } from './zip.js';

/** Large reads: at 1 MiB the cost of a read call is lost in the cost of parsing. */
const CHUNK_BYTES = 2 ** 20;
const HEAD_BYTES = 4096;

/** One data file, unpacked on the way. */
export interface DataBytes {
  /** Where the file is. */
  readonly path: string;
  /** Name of the table itself: without the ending of the packing, or the name inside the archive. */
  readonly name: string;
  /** `gzipped`, `zstd-compressed` or `zipped`; `undefined` = as it is. */
  readonly packing: string | undefined;
  /** First bytes after unpacking, at most 4 KiB; empty for an empty file. */
  readonly head: Buffer;
  /** All bytes from the start, in chunks; a chunk is valid until the next one is asked for. */
  chunks(): AsyncIterable<Buffer>;
}

/**
 * Opens a data file.
 * @param maxUnpackedBytes a packed file that gives more is refused.
 * @throws MrpoError `data` if it does not exist, is not a file, cannot be read, or cannot be unpacked.
 */
export async function openBytes(path: string, maxUnpackedBytes: number): Promise<DataBytes> {
  await requireFile(path);
  const magic = await readHead(path, 4);
  requireTrueName(path, magic);
  const opened = await openPacked(path, magic, maxUnpackedBytes);
  const head = opened.packing === undefined ? await readHead(path, HEAD_BYTES) : await firstBytes(opened.chunks());
  return { path, ...opened, head };
}

async function openPacked(
  path: string,
  magic: Buffer,
  limit: number,
): Promise<Pick<DataBytes, 'name' | 'packing' | 'chunks'>> {
  const packing = packingOf(magic);
  if (packing !== undefined) {
    const name = path.replace(/\.(?:gz|gzip|zst|zstd)$/i, '');
    return { name, packing, chunks: () => boundedChunks(unpackedChunks(path, packing), path, limit) };
  }
  if (isZip(magic)) {
    const { name, chunks } = await openZip(path, limit);
    return { name, packing: 'zipped', chunks: () => boundedChunks(chunks(), path, limit) };
  }
  return { name: path, packing: undefined, chunks: () => plainChunks(path) };
}

/** The first bytes of a file as it is. @throws MrpoError `data` if it is no file that can be read. */
export async function magicOf(path: string): Promise<Buffer> {
  await requireFile(path);
  return readHead(path, 4);
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
  if (facts.isDirectory()) throw new MrpoError('data', `${path}: is a folder; expected a file`);
}

/** A name that promises a packing which is not there is a file that was unpacked, cut or mixed up. */
function requireTrueName(path: string, magic: Buffer): void {
  const promised = /\.(gz|gzip|zst|zstd|zip)$/i.exec(path)?.[1]?.toLowerCase();
  if (promised === undefined || magic.length === 0) return;
  const packing = packingOf(magic);
  const kept =
    promised === 'zip'
      ? magic.toString('latin1', 0, 2) === 'PK'
      : packing === (promised.startsWith('g') ? 'gzipped' : 'zstd-compressed');
  if (kept) return;
  const expected = promised === 'zip' ? 'a zip archive' : promised.startsWith('g') ? 'gzip' : 'zstd';
  throw new MrpoError(
    'data',
    `${path}: its name ends in .${promised} but its content is not ${expected} (first bytes ${hex(magic)})`,
  );
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

async function firstBytes(chunks: AsyncIterable<Buffer>): Promise<Buffer> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of chunks) {
    parts.push(Buffer.from(chunk.subarray(0, HEAD_BYTES)));
    bytes += chunk.length;
    if (bytes >= HEAD_BYTES) break;
  }
  return Buffer.concat(parts).subarray(0, HEAD_BYTES);
}

const hex = (bytes: Buffer): string => bytes.toString('hex').replace(/..(?=.)/g, '$& ');

function unreadable(path: string, cause: unknown): MrpoError {
  return new MrpoError('data', `${path}: cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`, {
    cause,
  });
}
