/** Files to and from a service, in pieces; each arrives whole or not at all. */
import { createHash, type Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, rename, rm, type FileHandle } from 'node:fs/promises';
import { basename, dirname, join, resolve, sep } from 'node:path';
import { throwIfAborted } from '../../core/abort.js';
import * as pb from '../../gen/mrpo/runs/v1/runs.js';
import { cancelOn, explainFailure } from '../../rpc/connection.js';
import { serverStream } from '../../rpc/stream.js';
import { RunsFault } from '../fault.js';
import type { RunConnection } from './runs-service.js';

/** What can be fetched of a run: files of its folder, and its log. */
export const ARTIFACTS = ['result', 'report', 'metrics', 'config', 'record', 'samples', 'held_out', 'log'] as const;
/** One of {@link ARTIFACTS}. */
export type ArtifactName = (typeof ARTIFACTS)[number];

/** How far one file has come, in bytes. */
export interface TransferProgress {
  /** As the service names it. */
  readonly file: string;
  readonly done: number;
  readonly size: number;
}

const PIECE_BYTES = 1024 * 1024;

interface OpenFile {
  readonly path: string;
  readonly file: FileHandle;
  readonly hash: Hash;
}

/** Fetches the files of an artifact into a folder. @returns the paths that were written. */
export async function download(
  connection: RunConnection,
  id: string,
  artifact: ArtifactName,
  folder: string,
  signal: AbortSignal | undefined,
  onProgress?: (progress: TransferProgress) => void,
): Promise<readonly string[]> {
  const wanted = pb.Artifact[`ARTIFACT_${artifact.toUpperCase()}` as keyof typeof pb.Artifact];
  const opened = () =>
    connection.client.downloadArtifact({ runId: id, artifact: wanted, checkpoint: '' }, connection.metadata);
  const paths: string[] = [];
  let current: OpenFile | undefined;
  try {
    const pieces = serverStream(connection, 'downloadArtifact', opened, signal);
    for await (const { file, data, offset, size, sha256 } of pieces) {
      if (offset === 0) current = await openFile(resolve(folder), file);
      if (current === undefined) throw new RunsFault('protocol', 'the service sent a piece of no file');
      current.hash.update(data);
      await current.file.writeFile(data);
      onProgress?.({ file, done: offset + data.length, size });
      if (sha256 === '') continue;
      if (current.hash.digest('hex') !== sha256) {
        throw new RunsFault('protocol', `${file}: what arrived is not what was sent; try again`);
      }
      await current.file.sync();
      await current.file.close();
      await rename(partOf(current.path), current.path);
      paths.push(current.path);
      current = undefined;
    }
    return paths;
  } finally {
    if (current !== undefined) {
      await current.file.close();
      await rm(partOf(current.path), { force: true });
    }
  }
}

async function openFile(home: string, name: string): Promise<OpenFile> {
  const path = join(home, name);
  if (!path.startsWith(home + sep)) {
    throw new RunsFault('protocol', `the service sent a file named ${JSON.stringify(name)}`);
  }
  await mkdir(dirname(path), { recursive: true });
  return { path, file: await open(partOf(path), 'w'), hash: createHash('sha256') };
}

const partOf = (path: string): string => `${path}.part`;

/** Sends one file. @returns what stands for the file in a configuration. */
export async function upload(
  connection: RunConnection,
  path: string,
  signal: AbortSignal | undefined,
): Promise<string> {
  throwIfAborted(signal);
  const { client, metadata } = connection;
  const answer = new AbortController();
  let letGo = (): void => undefined;
  try {
    return await new Promise<string>((done, failed) => {
      const call = client.uploadData(metadata, (error, response) => {
        answer.abort();
        if (error === null) done(response.uri);
        else failed(error);
      });
      letGo = cancelOn(call, [signal, connection.closed]);
      const send = async (): Promise<void> => {
        call.write({ part: { $case: 'header', value: { name: basename(path), sha256: '' } } });
        for await (const data of createReadStream(path, { highWaterMark: PIECE_BYTES, signal: answer.signal })) {
          if (!call.write({ part: { $case: 'data', value: data as Buffer } })) {
            await new Promise<void>((next) => {
              call.once('drain', next);
              answer.signal.addEventListener('abort', () => next(), { once: true });
            });
          }
        }
        call.end();
      };
      send().catch((thrown: Error) => {
        if (answer.signal.aborted) return; // the answer says why
        call.cancel();
        failed(thrown);
      });
    });
  } catch (thrown) {
    throw await explainFailure(thrown, 'uploadData', connection, signal);
  } finally {
    letGo();
  }
}
