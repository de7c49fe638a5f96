/** Preference files that were sent, by tenant and content: `uploads/TENANT/SHA256/NAME`, whole or not there. */
import { createHash, randomUUID } from 'node:crypto';
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { RunsFault } from '../fault.js';

/** A file that was received, or was there already. */
export interface Upload {
  /** `upload:SHA256/NAME`, as a spec names it. */
  readonly uri: string;
  readonly sha256: string;
  readonly bytes: number;
  readonly existed: boolean;
}

/** The uploaded files of all tenants. */
export interface UploadStore {
  /** @param expected What the content should be; empty = not checked. */
  receive(tenant: string, name: string, expected: string, pieces: AsyncIterable<Uint8Array>): Promise<Upload>;
  /** The file behind `upload:SHA256/NAME`; undefined for what is no such address. */
  fileOf(tenant: string, uri: string): string | undefined;
  /** Where the files of a tenant lie. */
  folderOf(tenant: string): string;
  /** Size of all files of a tenant. */
  bytes(tenant: string): Promise<number>;
}

const NAME = /^\w[\w.-]{0,99}$/;
const URI = /^upload:([\da-f]{64})\/(\w[\w.-]{0,99})$/;
const SCRATCH = '.receiving';

/** A store in a folder. @param maxBytes Most that one tenant may have. */
export function createUploadStore(folder: string, maxBytes: number): UploadStore {
  /** Of files that are on their way. */
  const arriving = new Map<string, number>();
  sweep(folder);
  const bytesOf = async (tenant: string): Promise<number> => {
    const hashes = (await readdir(join(folder, tenant)).catch(() => [])).filter((name) => name !== SCRATCH);
    const files = await Promise.all(hashes.map(async (hash) => filesIn(join(folder, tenant, hash))));
    return files.flat().reduce((sum, size) => sum + size, 0);
  };
  return {
    fileOf(tenant, uri) {
      const [, hash, name] = URI.exec(uri) ?? [];
      return hash === undefined || name === undefined ? undefined : join(folder, tenant, hash, name);
    },
    folderOf: (tenant) => join(folder, tenant),
    bytes: bytesOf,
    async receive(tenant, name, expected, pieces) {
      requireName(name);
      const scratch = join(folder, tenant, SCRATCH);
      await mkdir(scratch, { recursive: true });
      const path = join(scratch, randomUUID());
      const room = maxBytes - (await bytesOf(tenant));
      const hash = createHash('sha256');
      let bytes = 0;
      const file = await open(path, 'wx', 0o600);
      try {
        for await (const piece of pieces) {
          bytes += piece.length;
          arriving.set(tenant, (arriving.get(tenant) ?? 0) + piece.length);
          if ((arriving.get(tenant) ?? 0) > room) throw noRoom(maxBytes);
          hash.update(piece);
          await file.writeFile(piece);
        }
        await file.sync();
        const sha256 = hash.digest('hex');
        if (expected !== '' && expected !== sha256) throw different(expected, sha256);
        if (bytes === 0) throw new RunsFault('upload_invalid', `${name}: the file has no bytes`);
        const existed = await keep(path, join(folder, tenant, sha256), name, bytes);
        return { uri: `upload:${sha256}/${name}`, sha256, bytes, existed };
      } finally {
        await file.close();
        await rm(path, { force: true });
        arriving.set(tenant, (arriving.get(tenant) ?? 0) - bytes);
      }
    },
  };
}

/** What a service that was killed had received the half of. */
function sweep(folder: string): void {
  if (!existsSync(folder)) return;
  for (const tenant of readdirSync(folder)) rmSync(join(folder, tenant, SCRATCH), { recursive: true, force: true });
}

async function keep(from: string, home: string, name: string, bytes: number): Promise<boolean> {
  await mkdir(home, { recursive: true });
  const to = join(home, name);
  const present = await stat(to).catch(() => undefined);
  if (present?.size === bytes) return true;
  await rename(from, to);
  return false;
}

async function filesIn(folder: string): Promise<number[]> {
  const names = await readdir(folder).catch(() => []);
  return Promise.all(names.map(async (name) => (await stat(join(folder, name)).catch(() => undefined))?.size ?? 0));
}

function requireName(name: string): void {
  if (NAME.test(name)) return;
  throw new RunsFault(
    'upload_invalid',
    'the name of an upload: expected letters, digits, dot, dash and underscore, at most 100',
    {
      fields: [{ field: 'header.name', description: 'not a file name' }],
    },
  );
}

const different = (expected: string, got: string): RunsFault =>
  new RunsFault('upload_invalid', `the content has SHA-256 ${got}, expected ${expected.slice(0, 80)}`, {
    hint: 'Send it again; what was sent has been discarded.',
  });

const noRoom = (most: number): RunsFault =>
  new RunsFault('quota', `uploads of a tenant may have ${most} bytes in all`, {
    hint: 'Ask an admin to remove old ones or to raise --max-upload-gb.',
  });
