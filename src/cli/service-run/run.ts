/** `mrpo train` and `mrpo resume` through a service: order or go on, follow, fetch, and end as the run did. */
import { resolve } from 'node:path';
import { outputFolder, type RunConfigInput } from '../../config/index.js';
import { throwIfAborted } from '../../core/abort.js';
import { MrpoError, toMrpoError, type ErrorCode } from '../../core/errors.js';
import { isLocal, parseAddress } from '../../rpc/address.js';
import { isRunFolder, readRun, type LoadedConfig, type StoredRun } from '../../sdk/index.js';
import type { RunsClient } from '../../service/client/connect.js';
import type { ServiceRun } from '../../service/client/values.js';
import { RunsFault } from '../../service/fault.js';
import type { FailureClass } from '../../service/journal/line.js';
import { readServiceNote, type ServiceNote } from '../../store/service-note.js';
import { printJson, type CliIo } from '../command.js';
import { resultJson, resultText } from '../run-result.js';
import { isOutOfReach } from '../service-away.js';
import { connectService } from '../service-client.js';
import { silentProgress } from '../progress.js';
import { sendingTo, specToSend } from '../spec-to-send.js';
import { showTransfer } from '../transfer-display.js';
import { fetchRun } from './fetch.js';
import { followToEnd } from './follow.js';
import { giveBack, takeAgain, takeFolder, type TakenFolder } from './folder.js';
import { requireSameSettings, requireService } from './same-run.js';

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
  const note = resume === undefined ? undefined : await readServiceNote(folder);
  if (resume !== undefined && note === undefined && (named || (await isRunFolder(folder)))) {
    throw new MrpoError('usage', `--resume: ${folder} is not the folder of a run of a service`, {
      hint: 'Leave --service out to go on with a run of this machine.',
    });
  }
  if (note !== undefined) requireService(folder, note, address);
  const isHere = isLocal(parseAddress(address));
  const taken = note === undefined ? await takeFolder(folder, address) : await takeAgain(folder, note);
  await withRun(taken, show, io, async (service) => {
    const same = (run: ServiceRun): Promise<void> => requireSameSettings(run, loaded.config, isHere, io.signal);
    const known = note && (await goOn(service, note.id, io, same));
    return known ?? order(service, taken, loaded, isHere, io);
  });
}

/** Goes on with a run: puts it back into the queue if it has stopped, and follows it if it is at work. */
export async function resumeThroughService(
  folder: string,
  note: ServiceNote,
  show: ShowOptions,
  io: CliIo,
): Promise<void> {
  await withRun(await takeAgain(folder, note), show, io, async (service) => {
    const run = await goOn(service, note.id, io);
    if (run !== undefined) return run;
    throw new MrpoError('usage', `the service at ${note.address} has no run ${note.id}`, {
      hint: `Order it again: mrpo train CONFIG --service ${note.address} --resume ${folder}`,
    });
  });
}

/** The note stays unless the run was certainly not ordered: without it, the same run would be ordered twice. */
async function order(
  service: RunsClient,
  taken: TakenFolder,
  { config }: LoadedConfig,
  isHere: boolean,
  io: CliIo,
): Promise<ServiceRun> {
  const { path, note } = taken;
  const spec = await specOf(service, config, isHere, io).catch(async (thrown: unknown) => {
    await giveBack(taken);
    throw thrown;
  });
  // Not ended by Ctrl-C: nobody could say whether the order has arrived. The run is cancelled when the answer is here.
  const { run, warnings } = await service.create(spec, { id: note.id }).catch(async (thrown: unknown) => {
    const error = toMrpoError(thrown);
    if (!(error instanceof RunsFault && REFUSALS.includes(error.reason))) throw perhapsOrdered(error, path);
    await giveBack(taken);
    throw error;
  });
  for (const warning of warnings) io.note(`note: ${warning}\n`);
  return { ...run, lastSeq: 0 };
}

/** Asks first whether the service is there: of what fails until now, nothing was ordered. */
async function specOf(
  service: RunsClient,
  config: LoadedConfig['config'],
  isHere: boolean,
  io: CliIo,
): Promise<RunConfigInput> {
  await service.info({ signal: io.signal });
  const spec = await specToSend(config, isHere ? undefined : sendingTo(service, io));
  throwIfAborted(io.signal);
  return spec;
}

/** A service that answers so has kept no order. */
const REFUSALS: readonly string[] = [
  'spec_invalid',
  'request_invalid',
  'path_refused',
  'quota',
  'permission_denied',
  'unauthenticated',
  'does_not_fit',
  'run_exists',
];

const perhapsOrdered = (error: MrpoError, folder: string): MrpoError =>
  new MrpoError(error.code, `${error.message}; the run may have been ordered all the same`, {
    cause: error,
    hint: `See what has become of it, and go on with it: mrpo resume ${folder}`,
  });

/**
 * @param check Called with the run before it goes on; throws if it must not.
 * @returns the run as it was before; undefined if the service does not know it.
 */
async function goOn(
  service: RunsClient,
  id: string,
  { signal }: CliIo,
  check?: (run: ServiceRun) => Promise<void>,
): Promise<ServiceRun | undefined> {
  try {
    const run = await service.get(id, { signal });
    await check?.(run);
    if (['PAUSED', 'CANCELLED', 'FAILED'].includes(run.state)) await service.resume(id, { signal });
    return run;
  } catch (thrown) {
    if (thrown instanceof RunsFault && thrown.reason === 'run_not_found') return undefined;
    throw thrown;
  }
}

/** @param begin Gives the run as it was before; what happened behind that is shown. */
async function withRun(
  { path: folder, note, lock }: TakenFolder,
  { json = false, quiet = false }: ShowOptions,
  io: CliIo,
  begin: (service: RunsClient) => Promise<ServiceRun>,
): Promise<void> {
  // Not ended by Ctrl-C: the run is asked to stop, and then there is something to fetch.
  await using service = connectService(io, note.address, undefined);
  try {
    const { lastSeq } = await begin(service);
    io.note(`run ${note.id} of the service at ${note.address}, for ${folder}\n`);
    const run = await followToEnd(service, note, lastSeq, quiet, io).catch((thrown: unknown) => {
      throw outOfReach(thrown, 'the run itself goes on', folder);
    });
    const transfer = showTransfer(quiet ? { progress: () => silentProgress } : io);
    const call = { signal: io.signal.aborted ? undefined : io.signal, onProgress: transfer.show };
    await fetchRun(service, run, folder, call)
      .catch((thrown: unknown) => {
        throw outOfReach(thrown, 'not all of the run is here', folder);
      })
      .finally(transfer.end);
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
    throw new MrpoError(failure?.code ?? CODES[failure?.class ?? 'CONTROL_PLANE'], message, { hint: failure?.hint });
  }
  if (json) printJson(io, stored === undefined ? { id, status: state.toLowerCase(), folder } : resultJson(stored));
  else if (stored !== undefined) io.out(resultText(stored));
  if (state === 'CANCELLED')
    throw new MrpoError('aborted', `${reason || 'stopped'}; the run folder is ${folder}`, { hint: again });
}

/** Of a service that says only whose turn it is. */
const CODES: Readonly<Record<FailureClass, ErrorCode>> = {
  USER: 'config',
  DATA: 'data',
  RESOURCE: 'environment',
  BACKEND: 'backend',
  CONTROL_PLANE: 'internal',
};

/** The service is gone, or somebody has no more patience: what is there now, and the way on. */
function outOfReach(thrown: unknown, what: string, folder: string): MrpoError {
  const error = toMrpoError(thrown);
  if (!isOutOfReach(error) && error.code !== 'aborted') return error;
  const hint = `Go on with: mrpo resume ${folder}`;
  return new MrpoError(error.code, `${error.message}; ${what}`, { cause: error, hint });
}
