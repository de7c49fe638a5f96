/** Files of a run's folder, on their way to a caller. */
import { createHash } from 'node:crypto';
import { open, readdir, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import {
  Artifact,
  type Checkpoint,
  type DownloadArtifactRequest,
  type DownloadArtifactResponse,
} from '../../gen/mrpo/runs/v1/runs.js';
import { listCheckpoints } from '../../store/checkpoints.js';
import { runFolder, type RunFolder } from '../../store/run-folder.js';
import { RunsFault } from '../fault.js';
import type { Context } from '../rpc/guard.js';
import { runNamed, type Service } from './service.js';

/** Small enough to be read within the patience of the service over any line. */
const PIECE_BYTES = 256 * 1024;

/** Checkpoints in a run's folder, the newest first; sizes in bytes. */
export async function checkpointsOf(service: Service, id: string): Promise<Checkpoint[]> {
  const folder = folderOf(service, id);
  return Promise.all(
    (await listCheckpoints(folder)).map(async ({ path, step }) => {
      const sizes = await Promise.all((await filesOf(path)).map(async ({ path: file }) => (await stat(file)).size));
      return {
        name: basename(path),
        step,
        bytes: sizes.reduce((sum, size) => sum + size, 0),
        createTime: (await stat(path)).mtime,
      };
    }),
  );
}

/** Every file in pieces; the last piece of each has its hash. */
export async function* downloadArtifact(
  service: Service,
  { runId, artifact, checkpoint }: DownloadArtifactRequest,
  { signal }: Context,
): AsyncGenerator<DownloadArtifactResponse> {
  const found = await find(service, runId, artifact, checkpoint);
  const files = found === undefined ? [] : await filesOf(found).catch(() => []);
  if (files.length === 0) {
    const what = Object.entries(Artifact).find(([, value]) => value === artifact)?.[0] ?? 'that';
    throw new RunsFault(
      'artifact_not_found',
      `run "${runId}" has no ${what.replace('ARTIFACT_', '').toLowerCase()} yet`,
    );
  }
  for (const { name, path } of files) {
    if (signal.aborted) return;
    yield* piecesOf(name, path);
  }
}

async function* piecesOf(name: string, path: string): AsyncGenerator<DownloadArtifactResponse> {
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    const hash = createHash('sha256');
    for (let offset = 0; ;) {
      const { bytesRead, buffer } = await file.read(
        Buffer.alloc(Math.min(PIECE_BYTES, size - offset)),
        0,
        undefined,
        offset,
      );
      const data = buffer.subarray(0, bytesRead);
      hash.update(data);
      const last = offset + bytesRead >= size || bytesRead === 0;
      yield { file: name, offset, data, size, sha256: last ? hash.digest('hex') : '' };
      if (last) return;
      offset += bytesRead;
    }
  } finally {
    await file.close();
  }
}

async function find(service: Service, id: string, artifact: Artifact, checkpoint: string): Promise<string | undefined> {
  const folder = folderOf(service, id);
  switch (artifact) {
    case Artifact.ARTIFACT_RESULT:
      return (await isThere(folder.file('adapter'))) ? folder.file('adapter') : folder.file('model');
    case Artifact.ARTIFACT_REPORT:
      return folder.file('report');
    case Artifact.ARTIFACT_METRICS:
      return folder.file('metrics');
    case Artifact.ARTIFACT_CONFIG:
      return folder.file('config');
    case Artifact.ARTIFACT_RECORD:
      return folder.file('record');
    case Artifact.ARTIFACT_SAMPLES:
      return folder.file('samples');
    case Artifact.ARTIFACT_HELD_OUT:
      return folder.file('heldOut');
    case Artifact.ARTIFACT_LOG:
      return service.home.run(id).log;
    case Artifact.ARTIFACT_CHECKPOINT:
      return (await listCheckpoints(folder)).find(({ path }) => basename(path) === checkpoint)?.path;
    default:
      throw new RunsFault(
        'request_invalid',
        `artifact: got ${artifact}, expected one of ${Object.keys(Artifact).slice(1).join(', ')}`,
        {
          fields: [{ field: 'artifact', description: 'expected an artifact' }],
        },
      );
  }
}

const folderOf = (service: Service, id: string): RunFolder =>
  runFolder(service.home.run(runNamed(service, id).order.id).run);

const isThere = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );

/** The file itself, or what lies in a folder; links are left out: they may lead anywhere. */
async function filesOf(path: string): Promise<{ readonly name: string; readonly path: string }[]> {
  if ((await stat(path)).isFile()) return [{ name: basename(path), path }];
  const entries = await readdir(path, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name))
    .sort()
    .map((file) => ({ name: file.slice(path.length + 1).replaceAll('\\', '/'), path: file }));
}
