/** `mrpo runs`: looking at runs and steering them, those of a service or those in folders. */
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { MrpoError } from '../../core/errors.js';
import { isRunFolder, readRun, resumeRun } from '../../sdk/index.js';
import type { RunsClient } from '../../service/client/connect.js';
import { ARTIFACTS } from '../../service/client/transfer.js';
import { RUN_STATES, type RunState } from '../../service/journal/line.js';
import type { ServiceNote } from '../../store/service-note.js';
import { collect, printJson, type CliIo } from '../command.js';
import { requireFolder, stopRunIn } from '../run-folders.js';
import { deleteRun } from '../runs/delete.js';
import { diffRuns } from '../runs/diff.js';
import { artifactsOf, downloadRun } from '../runs/download.js';
import { listFolders, listRuns, stateOf } from '../runs/list.js';
import { namedRun, withServiceRun } from '../runs/named-run.js';
import { watchToEnd } from '../runs/watch.js';
import { connectService, labelOf, serviceAddress } from '../service-client.js';
import { runWith } from './train.js';

interface RunsOptions {
  readonly service?: string;
  readonly json?: boolean;
}

interface CancelFlags extends RunsOptions {
  readonly now?: boolean;
}

interface ListOptions extends RunsOptions {
  readonly state: readonly string[];
  readonly label: readonly string[];
}

interface DownloadOptions extends RunsOptions {
  readonly what: readonly string[];
  readonly to?: string;
}

/** Adds the command and the commands below it. */
export function registerRuns(program: Command, io: CliIo): void {
  const runs = program
    .command('runs')
    .description('look at runs and steer them: those of a service, or those in folders')
    .addHelpText(
      'after',
      `
RUN is a run folder where it is a path (with a /) or the name of a folder with a run in it; else it is the id of a run of
the service that MRPO_SERVICE names. With --service it is always an id. The folder of a run of a service (mrpo train
--service, mrpo runs download) stands for that run. "list FOLDER" lists folders, whatever MRPO_SERVICE says.

Examples:
  $ npx mrpo runs list --service 127.0.0.1:50060 --state RUNNING
  $ npx mrpo runs watch nightly-7
  $ npx mrpo runs download nightly-7 --to runs/nightly-7
  $ npx mrpo runs diff runs/first nightly-7
`,
    );
  const add = (name: string, what: string): Command =>
    runs
      .command(name)
      .description(what)
      .exitOverride()
      .configureOutput({ writeOut: io.out, writeErr: io.note })
      .option('--service <address>', 'host:port or unix:/path (default: MRPO_SERVICE; without it: folders)')
      .option('--json', 'print one JSON object (list: one a line; watch: one an event; diff: an array)');
  const run = 'id of a run of a service, or a run folder (see "mrpo runs --help")';
  add('list', 'newest first')
    .argument('[folder]', 'the runs in this folder, and of no service (default without a service: runs)')
    .option('--state <state>', `one of ${RUN_STATES.join(', ')}; may be given again`, collect, [])
    .option('--label <key=value>', 'may be given again', collect, [])
    .action((folder: string | undefined, options: ListOptions) => list(folder, options, io));
  add('show', 'all that is known of a run')
    .argument('<run>', run)
    .action((name: string, options: RunsOptions) => show(name, options, io));
  add('watch', 'events of a run of a service, from the beginning to its end; Ctrl-C leaves the run alone')
    .argument('<run>', run)
    .option('--after <number>', 'only events behind this number', '0')
    .action((name: string, options: RunsOptions & { readonly after: string }) =>
      atService(name, options, io, 'Watch the runs of a folder with: mrpo page FOLDER', async (service, at) => {
        await service.get(at.id); // a watch would wait for a service that was never there
        await watchToEnd(service, at, Number(options.after), options.json === true, io);
      }),
    );
  add('cancel', 'stop at the next step, with the adapter of that step')
    .argument('<run>', run)
    .option('--now', 'end the processes of a run of a service where they stand: what no checkpoint holds is lost')
    .action((name: string, options: CancelFlags) => cancel(name, options, io));
  add('pause', 'stop a run of a service at the next step, to go on later')
    .argument('<run>', run)
    .action((name: string, options: RunsOptions) =>
      atService(
        name,
        options,
        io,
        `Stop it with "mrpo runs cancel ${name}"; "mrpo resume ${name}" goes on with it.`,
        async (service, { id }) => tell(io, options, await service.pause(id), 'to pause at its next step'),
      ),
    );
  add('resume', 'go on from the newest checkpoint')
    .argument('<run>', run)
    .action((name: string, options: RunsOptions) => resume(name, options, io));
  add('download', 'fetch files of a run of a service into a folder as of mrpo train; checkpoints stay there')
    .argument('<run>', run)
    .option('--what <artifact>', `one of ${ARTIFACTS.join(', ')}; may be given again; none = all but log`, collect, [])
    .option('--to <folder>', 'new, empty, or that of an earlier download of this run (default: runs/RUN)')
    .action((name: string, options: DownloadOptions) => download(name, options, io));
  add('delete', 'remove a run that has ended from its service, with all its files')
    .argument('<run>', run)
    .option('--yes', 'do not ask')
    .action((name: string, options: RunsOptions & { readonly yes?: boolean }) => remove(name, options, io));
  add('diff', 'settings in which two runs differ')
    .argument('<left>', run)
    .argument('<right>', run)
    .action((left: string, right: string, options: RunsOptions) => diffRuns(left, right, options, io));
}

async function list(folder: string | undefined, options: ListOptions, io: CliIo): Promise<void> {
  const { service: flag, json = false } = options;
  if (folder !== undefined && flag !== undefined) {
    throw new MrpoError('usage', `--service ${flag}: the runs of a service lie in no folder of this machine`, {
      hint: `Leave out --service to list ${folder}, or leave out the folder.`,
    });
  }
  const address = folder === undefined ? serviceAddress(io, flag) : undefined;
  if (address === undefined) {
    if (options.state.length + options.label.length > 0) {
      throw new MrpoError('usage', '--state and --label choose among the runs of a service, not among folders');
    }
    if (folder !== undefined) requireFolder(folder, io);
    return listFolders(resolve(io.cwd, folder ?? 'runs'), json, io);
  }
  const filter = { states: options.state.map(stateOf), labels: Object.fromEntries(options.label.map(labelOf)) };
  await using service = connectService(io, address, io.signal);
  await listRuns(service, filter, json, io);
}

async function show(name: string, options: RunsOptions, io: CliIo): Promise<void> {
  const named = await namedRun(name, options.service, io);
  const { folder, at } = named;
  const indent = options.json === true ? 0 : 2;
  if (folder !== undefined && (at === undefined || (await isRunFolder(folder)))) {
    const { record } = await readRun(folder);
    return io.out(`${JSON.stringify({ ...record, folder }, undefined, indent)}\n`);
  }
  await withServiceRun(named, io, '', async (service, { id }) => {
    io.out(`${JSON.stringify(await service.get(id), undefined, indent)}\n`);
  });
}

async function cancel(name: string, options: CancelFlags, io: CliIo): Promise<void> {
  const named = await namedRun(name, options.service, io);
  const { folder, at } = named;
  const atOnce = options.now === true;
  if (folder !== undefined && at === undefined) {
    if (atOnce) {
      throw new MrpoError('usage', `--now: ${name} is a run of this machine`, {
        hint: 'A second Ctrl-C where it runs ends it at once.',
      });
    }
    stopRunIn(folder);
    return io.note('asked to stop at the next step\n');
  }
  await withServiceRun(named, io, '', async (service, { id }) =>
    tell(io, options, await service.cancel(id, '', { atOnce }), atOnce ? 'to end at once' : 'to stop at its next step'),
  );
}

async function resume(name: string, options: RunsOptions, io: CliIo): Promise<void> {
  const named = await namedRun(name, options.service, io);
  const { folder, at } = named;
  if (folder !== undefined && at === undefined)
    return runWith(io, { set: [], json: options.json ?? false }, (start) => resumeRun(folder, start));
  await withServiceRun(named, io, '', async (service, { id }) =>
    tell(io, options, await service.resume(id), 'at work already'),
  );
}

async function download(name: string, options: DownloadOptions, io: CliIo): Promise<void> {
  const what = artifactsOf(options.what);
  const named = await namedRun(name, options.service, io);
  const { folder } = named;
  const hint = `Its files are there; "mrpo export ${name} --to FOLDER" copies its adapter.`;
  await withServiceRun(named, io, hint, async (service, run) => {
    const to = options.to === undefined ? (folder ?? resolve(io.cwd, 'runs', run.id)) : resolve(io.cwd, options.to);
    await downloadRun(service, run, what, to, options.json === true, io);
  });
}

/** By its id only: who names a folder may mean what lies there. */
async function remove(name: string, options: RunsOptions & { readonly yes?: boolean }, io: CliIo): Promise<void> {
  const named = await namedRun(name, options.service, io);
  const { folder, at } = named;
  if (folder !== undefined) {
    const hint =
      at === undefined
        ? `When nothing works on it: rm -r ${folder}`
        : `The run of the service: mrpo runs delete ${at.id} --service ${at.address}. What is here of it: rm -r ${folder}`;
    throw new MrpoError('usage', `${folder} is a folder of this machine; only runs of a service are deleted`, { hint });
  }
  await withServiceRun(named, io, '', (service, run) => deleteRun(service, run, options, io));
}

async function atService(
  name: string,
  { service: flag }: RunsOptions,
  io: CliIo,
  hint: string,
  work: (service: RunsClient, run: ServiceNote) => Promise<void>,
): Promise<void> {
  await withServiceRun(await namedRun(name, flag, io), io, hint, work);
}

const AT_WORK: readonly RunState[] = ['PREPARING', 'RUNNING', 'RECOVERING', 'CANCELLING'];

/** @param atWork What an answer means whose run still works: it shows no change yet. */
function tell(
  io: CliIo,
  { json }: RunsOptions,
  run: { readonly id: string; readonly state: RunState; readonly reason: string },
  atWork: string,
): void {
  if (json === true) return printJson(io, run);
  const meaning = AT_WORK.includes(run.state) ? `, ${atWork}` : '';
  io.out(`${run.id}: ${run.state}${meaning}${run.reason === '' ? '' : ` (${run.reason})`}\n`);
}
