/** The files of a run of a service, brought into a folder of this machine where `mrpo` finds what it finds of its own. */
import { join } from 'node:path';
import type { DownloadOptions, RunsClient } from '../../service/client/connect.js';
import type { ArtifactName } from '../../service/client/transfer.js';
import type { ServiceRun } from '../../service/client/values.js';
import { RunsFault } from '../../service/fault.js';

/** The record last: a folder that has one has the rest. */
const FILES: readonly ArtifactName[] = ['result', 'samples', 'held_out', 'metrics', 'config', 'report', 'record'];

/**
 * Fetches what there is; of a run that has succeeded, at least result, report and record. A file that is there already is
 * replaced when the new one has come whole.
 * @returns the paths that were written.
 */
export async function fetchRun(
  service: RunsClient,
  run: ServiceRun,
  folder: string,
  options: DownloadOptions,
): Promise<readonly string[]> {
  const needed: readonly ArtifactName[] = run.state === 'SUCCEEDED' ? ['result', 'report', 'config', 'record'] : [];
  let written: readonly string[] = [];
  for (const artifact of FILES) {
    try {
      written = [...written, ...(await fetchArtifacts(service, run, [artifact], folder, options))];
    } catch (thrown) {
      const isAbsent = thrown instanceof RunsFault && thrown.reason === 'artifact_not_found';
      if (!isAbsent || needed.includes(artifact)) throw thrown;
    }
  }
  return written;
}

/** Where the result of a run lies in its folder. */
export const resultFolder = ({ resolvedSpec }: ServiceRun, folder: string): string =>
  join(folder, resolvedSpec?.policy?.lora === 'off' ? 'model' : 'adapter');

/** Fetches some artifacts to where they lie in a run folder. @returns the paths that were written. */
export async function fetchArtifacts(
  service: RunsClient,
  run: ServiceRun,
  artifacts: readonly ArtifactName[],
  folder: string,
  options: DownloadOptions,
): Promise<readonly string[]> {
  const result = resultFolder(run, folder);
  let written: readonly string[] = [];
  for (const artifact of artifacts)
    written = [
      ...written,
      ...(await service.download(run.id, artifact, artifact === 'result' ? result : folder, options)),
    ];
  return written;
}
