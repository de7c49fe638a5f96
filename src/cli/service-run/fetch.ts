/** The files of a run of a service, brought into a folder of this machine where `mrpo` finds what it finds of its own. */
import { join } from 'node:path';
import type { RunsClient } from '../../service/client/connect.js';
import type { ArtifactName } from '../../service/client/transfer.js';
import type { ServiceRun } from '../../service/client/values.js';
import { RunsFault } from '../../service/fault.js';

/** The record last: a folder that has one has the rest. */
const FILES: readonly ArtifactName[] = ['samples', 'held_out', 'metrics', 'config', 'report', 'record'];

/**
 * Fetches what there is; of a run that has succeeded, at least result, report and record. A file that is there already is
 * replaced when the new one has come whole.
 */
export async function fetchRun(
  service: RunsClient,
  { id, state, resolvedSpec }: ServiceRun,
  folder: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  const needed: readonly ArtifactName[] = state === 'SUCCEEDED' ? ['result', 'report', 'config', 'record'] : [];
  const get = async (artifact: ArtifactName, into: string): Promise<void> => {
    try {
      await service.download(id, artifact, into, { signal });
    } catch (thrown) {
      const isAbsent = thrown instanceof RunsFault && thrown.reason === 'artifact_not_found';
      if (!isAbsent || needed.includes(artifact)) throw thrown;
    }
  };
  await get('result', join(folder, resolvedSpec?.policy?.lora === 'off' ? 'model' : 'adapter'));
  for (const artifact of FILES) await get(artifact, folder);
}
