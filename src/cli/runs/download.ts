/** Files of a run of a service, in a folder of this machine that says which run they are of. */
import { basename, join, sep } from 'node:path';
import { MrpoError, toMrpoError } from '../../core/errors.js';
import { RunsFault } from '../../service/fault.js';
import type { RunsClient } from '../../service/client/connect.js';
import { ARTIFACTS, type ArtifactName } from '../../service/client/transfer.js';
import type { ServiceNote } from '../../store/service-note.js';
import { printJson, type CliIo } from '../command.js';
import { fetchArtifacts, fetchRun, resultFolder } from '../service-run/fetch.js';
import { giveBack, takeForRun } from '../service-run/folder.js';
import { runArgument } from '../service-client.js';
import { showTransfer } from '../transfer-display.js';

/**
 * @param what Which artifacts; empty = all that there are but the log.
 * @param folder New or empty, or that of this very run.
 */
export async function downloadRun(
  service: RunsClient,
  note: ServiceNote,
  what: readonly ArtifactName[],
  folder: string,
  json: boolean,
  io: CliIo,
): Promise<void> {
  const { id } = note;
  const run = await service.get(id);
  const taken = await takeForRun(folder, note);
  const transfer = showTransfer(io);
  try {
    const files =
      what.length === 0
        ? await fetchRun(service, run, folder, { signal: io.signal, onProgress: transfer.show })
        : await fetchArtifacts(service, run, what, folder, { signal: io.signal, onProgress: transfer.show });
    transfer.end();
    if (files.length === 0) throw new RunsFault('artifact_not_found', `run "${id}" has no files yet`);
    if (json) return printJson(io, { id, folder, files });
    io.out(`${folder}\n${files.map((file) => `  ${file}\n`).join('')}`);
    const result = resultFolder(run, folder);
    if (what.length === 0 && !files.some((file) => file.startsWith(join(result, sep))))
      io.note(`there is no ${basename(result)} of it: the run is ${run.state}\n`);
  } catch (thrown) {
    transfer.end();
    const error = toMrpoError(thrown);
    if (!(error instanceof RunsFault && error.reason === 'artifact_not_found')) throw error;
    await giveBack(taken);
    throw new MrpoError(error.code, `${error.message}; it is ${run.state}`, {
      cause: error,
      hint: `See how far it is: mrpo runs watch ${runArgument(io, note)}`,
    });
  } finally {
    await taken.lock.release();
  }
}

/** Artifacts as flags say them: `--what result --what report`, `--what result,report`. @throws MrpoError `usage`. */
export const artifactsOf = (flags: readonly string[]): ArtifactName[] =>
  flags
    .flatMap((flag) => flag.split(','))
    .map((text) => {
      const artifact = ARTIFACTS.find((name) => name === text.trim().replace('-', '_'));
      if (artifact !== undefined) return artifact;
      throw new MrpoError('usage', `--what ${text}: expected one of ${ARTIFACTS.join(', ')}`);
    });
