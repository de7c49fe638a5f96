/**
 * Checkpoints in a run's folder: `checkpoints/step-00000120/`, each a complete folder or not there at all.
 *
 * | file                    | what                                                                                      |
 * |-------------------------|-------------------------------------------------------------------------------------------|
 * | *.safetensors, *.json   | the trainer's state, as the backend gave it                                               |
 * | state.json              | the control plane's state: schedule, objective, counters, identities                      |
 * | manifest.json           | step, version, and size and SHA-256 of every file; written last                           |
 */
import { createHash, randomUUID } from 'node:crypto';
import { constants, createReadStream } from 'node:fs';
import { mkdir, open, readdir, readFile, rename, rm, stat, type FileHandle } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { CheckpointPiece } from '../backend/backend.js';
import { MrpoError } from '../core/errors.js';
import { fromExactJson, toExactJson } from '../core/exact-json.js';
import { makeScratchFolder, removeScratchFolder, sweepScratchFolders } from '../core/scratch-folder.js';
import { VERSION } from '../core/version.js';
import type { RunFolder } from './run-folder.js';

/** A complete checkpoint of a run. */
export interface Checkpoint {
  /** Absolute path of its folder. */
  readonly path: string;
  /** Last optimizer step that is in it. */
  readonly step: number;
  /** Counts checkpoints of the same step, from 1; the highest is the latest. */
  readonly revision: number;
}

interface Manifest {
  readonly format: 1;
  readonly step: number;
  readonly createdAt: string;
  readonly mrpoVersion: string;
  readonly files: Readonly<Record<string, { readonly bytes: number; readonly sha256: string }>>;
}

const MANIFEST = 'manifest.json';
const STATE = 'state.json';
const SCRATCH = '.writing';
const NAME = /^step-(\d{8,})(?:-r(\d+))?$/;

/** What a run's folder holds, newest first; each complete, none verified yet. */
export async function listCheckpoints(folder: RunFolder): Promise<readonly Checkpoint[]> {
  const home = folder.file('checkpoints');
  const names = await readdir(home).catch((thrown: NodeJS.ErrnoException) => {
    if (thrown.code === 'ENOENT') return [];
    throw thrown;
  });
  return names
    .flatMap((name) => {
      const parts = NAME.exec(name);
      if (parts === null) return [];
      return [{ path: join(home, name), step: Number(parts[1]), revision: Number(parts[2] ?? 1) }];
    })
    .sort((a, b) => b.step - a.step || b.revision - a.revision);
}

/**
 * Writes a checkpoint and proves that it can be read, by the hashes that came with its pieces. Killed at any moment, it leaves the folder as it was, but for a
 * temporary one that the next writer removes.
 * @param state Anything that exact JSON can hold.
 */
export async function writeCheckpoint(
  folder: RunFolder,
  step: number,
  pieces: AsyncIterable<CheckpointPiece>,
  state: object,
): Promise<Checkpoint> {
  const home = folder.file('checkpoints');
  await mkdir(home, { recursive: true });
  const scratch = makeScratchFolder(home, SCRATCH);
  try {
    const content = join(scratch, 'content');
    await mkdir(content);
    const files = {
      ...(await writePieces(content, pieces)),
      [STATE]: await writeText(join(content, STATE), toExactJson(state)),
    };
    const createdAt = new Date().toISOString();
    const manifest: Manifest = { format: 1, step, createdAt, mrpoVersion: VERSION, files };
    await writeText(join(content, MANIFEST), `${JSON.stringify(manifest, undefined, 2)}\n`);
    await syncFolder(content);
    await verifyFiles(content, manifest);
    const same = (await listCheckpoints(folder)).find((known) => known.step === step);
    const revision = (same?.revision ?? 0) + 1;
    const path = join(home, `step-${String(step).padStart(8, '0')}${revision === 1 ? '' : `-r${revision}`}`);
    await rename(content, path);
    await syncFolder(home);
    return { path, step, revision };
  } finally {
    removeScratchFolder(scratch); // empty by now, unless it has failed
  }
}

/**
 * Reads the state of a checkpoint after a proof that every file of it is as it was written.
 * @throws MrpoError `data` naming the file that is not.
 */
export async function readCheckpoint(checkpoint: Checkpoint): Promise<unknown> {
  const { path } = checkpoint;
  const manifest = await readManifest(path);
  await verifyFiles(path, manifest);
  return fromExactJson(await readFile(join(path, STATE), 'utf8'));
}

/** The state alone, proved to be as it was written: for a look that needs no weights. */
export async function readCheckpointState({ path }: Checkpoint): Promise<unknown> {
  const manifest = await readManifest(path);
  const facts = manifest.files[STATE];
  if (facts === undefined) throw damaged(path, `the manifest names no ${STATE}`);
  await verifyFiles(path, { ...manifest, files: { [STATE]: facts } });
  return fromExactJson(await readFile(join(path, STATE), 'utf8'));
}

/** The trainer's files, for the backend. */
export async function* checkpointPieces(checkpoint: Checkpoint): AsyncGenerator<CheckpointPiece> {
  const { files } = await readManifest(checkpoint.path);
  for (const file of Object.keys(files)) {
    if (file === STATE) continue;
    for await (const data of createReadStream(join(checkpoint.path, file), { highWaterMark: 1024 * 1024 })) {
      yield { file, data: data as Buffer };
    }
  }
}

/** Removes a checkpoint: first its name, so that no half of it is ever taken for one. */
export async function removeCheckpoint(folder: RunFolder, checkpoint: Checkpoint): Promise<void> {
  const scratch = makeScratchFolder(folder.file('checkpoints'), SCRATCH);
  const old = join(scratch, 'old');
  await rename(checkpoint.path, old);
  await rm(old, { recursive: true, force: true });
  removeScratchFolder(scratch);
}

/**
 * Gives every checkpoint behind `last` (all of them without one) a name that no run goes on from: they cannot be read, and
 * would count as the newest for ever.
 */
export async function setAsideBehind(folder: RunFolder, last: Checkpoint | undefined): Promise<void> {
  const checkpoints = await listCheckpoints(folder);
  const behind =
    last === undefined
      ? checkpoints
      : checkpoints.slice(
          0,
          checkpoints.findIndex(({ path }) => path === last.path),
        );
  for (const { path } of behind) {
    await rename(path, join(folder.file('checkpoints'), `unreadable-${randomUUID().slice(0, 8)}-${basename(path)}`));
  }
}

/** Removes what writers that were killed have left. The caller holds the run's lock, so nobody writes. */
export function sweepCheckpoints(folder: RunFolder): void {
  sweepScratchFolders(folder.file('checkpoints'), SCRATCH, { alone: true });
}

type FileFacts = Manifest['files'][string];

/** Hashes nothing: what was written is compared when it is read back, with what the sender has hashed. */
async function writePieces(folder: string, pieces: AsyncIterable<CheckpointPiece>): Promise<Record<string, FileFacts>> {
  const written: Record<string, FileFacts> = {};
  let current: { readonly name: string; readonly file: FileHandle } | undefined;
  let [sha256, bytes]: [string | undefined, number] = [undefined, 0];
  const finish = async (): Promise<void> => {
    if (current === undefined) return;
    const { name, file } = current;
    current = undefined;
    await closeSynced(file);
    if (sha256 === undefined) throw new MrpoError('backend', `checkpoint: the backend gave no SHA-256 of ${name}`);
    written[name] = { bytes, sha256 };
  };
  try {
    for await (const { file: name, data, sha256: whole } of pieces) {
      if (name !== current?.name) {
        await finish();
        requirePlainName(name, written);
        current = { name, file: await open(join(folder, name), 'wx') };
        bytes = 0;
      }
      sha256 = whole;
      bytes += data.length;
      await current?.file.writeFile(data);
    }
    await finish();
  } finally {
    await current?.file.close();
  }
  return written;
}

function requirePlainName(name: string, written: Readonly<Record<string, FileFacts>>): void {
  if (/^\w[\w.-]*$/.test(name) && name !== STATE && name !== MANIFEST && !Object.hasOwn(written, name)) return;
  throw new MrpoError('backend', `checkpoint: the backend sent a file named ${JSON.stringify(name)}`);
}

async function writeText(path: string, text: string): Promise<FileFacts> {
  const file = await open(path, 'wx');
  try {
    await file.writeFile(text, 'utf8');
  } catch (thrown) {
    await file.close();
    throw thrown;
  }
  await closeSynced(file);
  return { bytes: Buffer.byteLength(text), sha256: createHash('sha256').update(text).digest('hex') };
}

async function closeSynced(file: FileHandle): Promise<void> {
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, constants.O_RDONLY);
  await closeSynced(folder).catch((thrown: NodeJS.ErrnoException) => {
    if (!['EINVAL', 'EPERM', 'EISDIR', 'ENOTSUP'].includes(thrown.code ?? '')) throw thrown; // some file systems cannot
  });
}

async function readManifest(path: string): Promise<Manifest> {
  try {
    const manifest = JSON.parse(await readFile(join(path, MANIFEST), 'utf8')) as Manifest;
    if (manifest.format === 1) return manifest;
    throw new Error(`format ${String(manifest.format)}; expected 1: it was written by a later mrpo`);
  } catch (cause) {
    throw damaged(path, `${MANIFEST}: ${(cause as Error).message}`, cause);
  }
}

async function verifyFiles(path: string, manifest: Manifest): Promise<void> {
  for (const [name, { bytes, sha256 }] of Object.entries(manifest.files)) {
    const file = join(path, name);
    const facts = await stat(file).catch(() => undefined);
    if (facts?.size !== bytes)
      throw damaged(path, `${name} has ${facts?.size ?? 'no'} bytes, the manifest says ${bytes}`);
    const hash = createHash('sha256');
    for await (const chunk of createReadStream(file, { highWaterMark: 1024 * 1024 })) hash.update(chunk as Buffer);
    if (hash.digest('hex') !== sha256) throw damaged(path, `${name} is not what was written`);
  }
}

const damaged = (path: string, what: string, cause?: unknown): MrpoError =>
  new MrpoError('data', `checkpoint ${path}: ${what}`, { cause });
