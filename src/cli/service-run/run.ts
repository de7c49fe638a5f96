/** `mrpo train` and `mrpo resume` through a service: order or go on, follow, fetch, and end as the run did. */
import { resolve } from 'node:path';
import { outputFolder } from '../../config/index.js';
import { MrpoError, toMrpoError, type ErrorCode } from '../../core/errors.js';
import { isLocal, parseAddress } from '../../rpc/address.js';
import { isRunFolder, readRun, type LoadedConfig, type StoredRun } from '../../sdk/index.js';
import type { RunsClient } from '../../service/client/connect.js';
import type { ServiceRun } from '../../service/client/values.js';
import { RunsFault } from '../../service/fault.js';
import type { FailureClass } from '../../service/journal/line.js';
import { printJson, type CliIo } from '../command.js';
import { resultJson, resultText } from '../run-result.js';
import { connectService } from '../service-client.js';
import { specToSend } from '../spec-to-send.js';
import { fetchRun } from './fetch.js';
import { followToEnd } from './follow.js';
import { dropFolder, readNote, takeAgain, takeFolder, type ServiceNote, type TakenFolder } from './note.js';

/** How a run is shown. */
export interface ShowOptions {
  readonly json?: boolean | undefined;
  readonly quiet?: boolean | undefined;
}

/** Orders the run of a configuration, or with `resume` goes on with the one that its folder belongs to. */
export async function trainThroughService(
  loaded: LoadedConfig,
  address: string,
  resume: string | true | undefined,
  show: ShowOptions,
  io: CliIo,
): Promise<void> {
  const named = resume !== undefined && resume !== true && resume !== 'latest';
  const folder = named ? resolve(io.cwd, resume) : outputFolder(loaded.config.output);
  const note = resume === undefined ? undefined : await readNote(folder);
  if (resume !== undefined && note === undefined && (named || (await isRunFolder(folder)))) {
    throw new MrpoError('usage', `--resume: ${folder} is not the folder of a run of a service`, {
      hint: 'Leave --service out to go on with a run of this machine.',
    });
  }
  const taken = note === undefined ? await takeFolder(folder, address) : await takeAgain(folder, { ...note, address });
  await withRun(folder, taken, show, io, async (service, id) => {
    const known = note && (await goOn(service, id, io));
    return (
      known ??
      order(service, id, loaded, isLocal(parseAddress(address)), io).catch(async (thrown: unknown) => {
        if (io.signal.aborted) await service.cancel(id, 'interrupted').catch(() => undefined); // it may have arrived
        if (note === undefined) await dropFolder(folder, taken);
        throw thrown;
      })
    );
  });
}

/** Goes on with a run: puts it back into the queue if it has stopped, and follows it if it is at work. */
export async function resumeThroughService(
  folder: string,
  note: ServiceNote,
  show: ShowOptions,
  io: CliIo,
): Promise<void> {
  await withRun(folder, await takeAgain(folder, note), show, io, async (service, id) => {
    const run = await goOn(service, id, io);
    if (run !== undefined) return run;
    throw new MrpoError('usage', `the service at ${note.address} has no run ${id}`, {
      hint: `Order it again: mrpo train CONFIG --service ${note.address} --resume ${folder}`,
    });
  });
}

async function order(
  service: RunsClient,
  id: string,
  { config }: LoadedConfig,
  isHere: boolean,
  io: CliIo,
): Promise<ServiceRun> {
  const spec = await specToSend(config, isHere ? undefined : service, io);
  const { run, warnings } = await service.create(spec, { id, signal: io.signal });
  for (const warning of warnings) io.note(`note: ${warning}\n`);
  return { ...run, lastSeq: 0 };
}

/** @returns the run as it was before; undefined if the service does not know it. */
async function goOn(service: RunsClient, id: string, { signal }: CliIo): Promise<ServiceRun | undefined> {
  try {
    const run = await service.get(id, { signal });
    if (['PAUSED', 'CANCELLED', 'FAILED'].includes(run.state)) await service.resume(id, { signal });
    return run;
  } catch (thrown) {
    if (thrown instanceof RunsFault && thrown.reason === 'run_not_found') return undefined;
    throw thrown;
  }
}

/** @param begin Gives the run as it was before; what happened behind that is shown. */
async function withRun(
  folder: string,
  { note, lock }: TakenFolder,
  { json = false, quiet = false }: ShowOptions,
  io: CliIo,
  begin: (service: RunsClient, id: string) => Promise<ServiceRun>,
): Promise<void> {
  // Not ended by Ctrl-C: the run is asked to stop, and then there is something to fetch.
  await using service = connectService(io, note.address, undefined);
  try {
    const { lastSeq } = await begin(service, note.id);
    io.note(`run ${note.id} of the service at ${note.address}, for ${folder}\n`);
    const run = await followToEnd(service, note.id, lastSeq, quiet, io).catch((thrown: unknown) => {
      throw outOfReach(thrown, 'the run itself goes on', folder);
    });
    await fetchRun(service, run, folder, io.signal.aborted ? undefined : io.signal).catch((thrown: unknown) => {
      throw outOfReach(thrown, 'not all of the run is here', folder);
    });
    tell(run, folder, (await isRunFolder(folder)) ? await readRun(folder) : undefined, json, io);
  } finally {
    await lock.release();
  }
}

/** Prints what came of a run, and throws as a local one would. */
function tell(run: ServiceRun, folder: string, stored: StoredRun | undefined, json: boolean, io: CliIo): void {
  const { id, state, reason, failure } = run;
  const again = `Go on with: mrpo resume ${folder}`;
  if (state === 'FAILED') {
    const message = failure?.message ?? reason;
    if (json) printJson(io, { ...stored?.record, id, status: 'failed', folder, reason: message });
    else io.note(`the run failed; what it wrote is in ${folder}, and "mrpo resume" can go on with it\n`);
    throw new MrpoError(CODES[failure?.class ?? 'CONTROL_PLANE'], message, { hint: failure?.hint });
  }
  if (json) printJson(io, stored === undefined ? { id, status: state.toLowerCase(), folder } : resultJson(stored));
  else if (stored !== undefined) io.out(resultText(stored));
  if (state === 'CANCELLED')
    throw new MrpoError('aborted', `${reason || 'stopped'}; the run folder is ${folder}`, { hint: again });
}

/** Whose turn it is, as the code that a local run would have ended with. */
const CODES: Readonly<Record<FailureClass, ErrorCode>> = {
  USER: 'config',
  DATA: 'data',
  RESOURCE: 'environment',
  BACKEND: 'backend',
  CONTROL_PLANE: 'internal',
};

const OUT_OF_REACH: readonly string[] = ['unreachable', 'unavailable', 'failed', 'slow_reader'];

/** The service is gone, or somebody has no more patience: what is there now, and the way on. */
function outOfReach(thrown: unknown, what: string, folder: string): MrpoError {
  const error = toMrpoError(thrown);
  const isAway = error instanceof RunsFault && OUT_OF_REACH.includes(error.reason);
  if (!isAway && error.code !== 'aborted') return error;
  const hint = `Go on with: mrpo resume ${folder}`;
  return new MrpoError(error.code, `${error.message}; ${what}`, { cause: error, hint });
}
