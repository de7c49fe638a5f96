/** A zip archive with one table in it. Its other contents are looked at by name only, and what comes out is bounded. */
import { openPromise, type Entry, type ZipFile } from 'yauzl';

import { MrpoError } from '../../core/errors.js';
import { isDataFile } from './data-files.js';
import { gigabytes, tooMuch } from './unpack.js';

/** Whether a file begins as a zip archive does. @param magic Its first bytes. */
export const isZip = (magic: Buffer): boolean => magic.length >= 4 && magic.readUInt32LE(0) === 0x04034b50;

/** More names than this are no archive of a table. */
const MAX_ENTRIES = 10_000;

/** The one table in an archive. */
export interface ZipTable {
  /** Name inside the archive. */
  readonly name: string;
  /** Each call reads from the start. */
  readonly chunks: () => AsyncIterable<Buffer>;
}

/** Names in an archive, and the bytes that all of it claims to unpack to. @throws MrpoError `data` if it is damaged. */
export async function zipContents(
  path: string,
): Promise<{ readonly names: readonly string[]; readonly unpackedBytes: number }> {
  const entries = await entriesOf(path);
  return {
    names: entries.map(({ fileName }) => fileName),
    unpackedBytes: entries.reduce((sum, { uncompressedSize }) => sum + uncompressedSize, 0),
  };
}

/**
 * Opens the one table in an archive.
 * @throws MrpoError `data` if the archive is damaged, or does not hold exactly one table.
 */
export async function openZip(path: string, limit: number): Promise<ZipTable> {
  const entries = await entriesOf(path);
  const tables = entries.filter(({ fileName }) => isDataFile(fileName));
  const [table, ...others] = tables;
  if (table === undefined || others.length > 0) throw notOneTable(path, entries, tables);
  if (table.isEncrypted())
    throw new MrpoError('data', `${path}: ${table.fileName} in it is encrypted; unpack it first`);
  if (table.uncompressedSize > limit)
    throw tooMuch(
      path,
      `${table.fileName} in it unpacks to ${gigabytes(table.uncompressedSize)}, more than ${gigabytes(limit)}`,
      limit,
    );
  return { name: table.fileName, chunks: () => entryChunks(path, table.fileName) };
}

function notOneTable(path: string, entries: readonly Entry[], tables: readonly Entry[]): MrpoError {
  const names = (tables.length === 0 ? entries : tables).map(({ fileName }) => fileName);
  const list = names.slice(0, 6).join(', ') + (names.length > 6 ? `, and ${names.length - 6} more` : '');
  return new MrpoError(
    'data',
    `${path}: a zip archive with ${tables.length === 0 ? 'no table' : `${tables.length} tables`} in it: ${list}; expected one`,
    { hint: 'Unpack it (unzip FILE -d FOLDER) and name the folder, or a file in it.' },
  );
}

async function entriesOf(path: string): Promise<Entry[]> {
  return await withZip(path, async (zip) => {
    if (zip.entryCount > MAX_ENTRIES)
      throw new MrpoError('data', `${path}: a zip archive of ${zip.entryCount} files; expected one table`);
    const entries: Entry[] = [];
    for await (const entry of zip.eachEntry()) entries.push(entry);
    return entries;
  });
}

/** Bytes of one entry; yauzl refuses an entry that unpacks to more than it claims. */
async function* entryChunks(path: string, name: string): AsyncGenerator<Buffer> {
  const zip = await openPromise(path).catch((cause: unknown) => {
    throw damaged(path, cause);
  });
  try {
    for await (const entry of zip.eachEntry()) {
      if (entry.fileName !== name) continue;
      const stream = await zip.openReadStreamPromise(entry);
      try {
        for await (const chunk of stream) yield chunk as Buffer;
      } finally {
        stream.destroy();
      }
      return;
    }
  } catch (cause) {
    throw cause instanceof MrpoError ? cause : damaged(path, cause);
  } finally {
    zip.close();
  }
}

async function withZip<T>(path: string, work: (zip: ZipFile) => Promise<T>): Promise<T> {
  try {
    const zip = await openPromise(path);
    try {
      return await work(zip);
    } finally {
      zip.close();
    }
  } catch (cause) {
    throw cause instanceof MrpoError ? cause : damaged(path, cause);
  }
}

function damaged(path: string, cause: unknown): MrpoError {
  const message = cause instanceof Error ? cause.message : String(cause);
  return new MrpoError('data', `${path}: zip archive cannot be unpacked: ${message}`, {
    cause,
    hint: 'The file is cut short or damaged; copy or download it again.',
  });
}
