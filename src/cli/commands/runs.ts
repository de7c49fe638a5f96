/** `mrpo runs`: looking at runs and steering them, those of a service or those in folders. */
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { MrpoError } from '../../core/errors.js';
import { readRun, resumeRun } from '../../sdk/index.js';
import type { RunsClient } from '../../service/client/connect.js';
import { RUN_STATES, type RunState } from '../../service/journal/line.js';
import { collect, printJson, type CliIo } from '../command.js';
import { configDifferences } from '../config-diff.js';
import { runsIn, stopRunIn } from '../run-folders.js';
import { labelOf, openService, serviceAddress } from '../service-client.js';
import { eventLine, runsTable } from '../service-display.js';
import { textTable } from '../text-table.js';
import { runWith } from './train.js';

interface RunsOptions {
  readonly service?: string;
  readonly json?: boolean;
}

interface ListOptions extends RunsOptions {
  readonly state: readonly string[];
  readonly label: readonly string[];
}

/** Adds the command and the commands below it. */
export function registerRuns(program: Command, io: CliIo): void {
  const runs = program
    .command('runs')
    .description('look at runs and steer them: those of a service, or without one those in folders')
    .addHelpText(
      'after',
      `
RUN is the id of a run of the service that --service or MRPO_SERVICE names; without a service it is a run folder.

Examples:
  $ npx mrpo runs list --service 127.0.0.1:50060 --state RUNNING
  $ npx mrpo runs watch nightly-7
  $ npx mrpo runs diff runs/first runs/second
`,
    );
  const add = (name: string, what: string): Command =>
    runs
      .command(name)
      .description(what)
      .exitOverride()
      .configureOutput({ writeOut: io.out, writeErr: io.note })
      .option('--service <address>', 'host:port or unix:/path (default: MRPO_SERVICE; without it: folders)')
      .option('--json', 'print JSON');
  add('list', 'newest first')
    .argument('[folder]', 'without a service: where the run folders lie', 'runs')
    .option('--state <state>', `one of ${RUN_STATES.join(', ')}; may be given again`, collect, [])
    .option('--label <key=value>', 'may be given again', collect, [])
    .action((folder: string, options: ListOptions) => list(folder, options, io));
  add('show', 'all that is known of a run')
    .argument('<run>')
    .action((run: string, options: RunsOptions) => show(run, options, io));
  add('watch', 'events of a run, from the beginning to its end')
    .argument('<run>')
    .option('--after <number>', 'only events behind this number', '0')
    .action((run: string, options: RunsOptions & { readonly after: string }) =>
      withService(io, options, (service) => watchToEnd(service, run, Number(options.after), options.json === true, io)),
    );
  add('cancel', 'stop at the next step, with the adapter of that step')
    .argument('<run>')
    .action((run: string, options: RunsOptions) => cancel(run, options, io));
  add('pause', 'stop at the next step, to go on later')
    .argument('<run>')
    .action((run: string, options: RunsOptions) =>
      withService(io, options, async (service) => tell(io, options, await service.pause(run))),
    );
  add('resume', 'go on from the newest checkpoint')
    .argument('<run>')
    .action((run: string, options: RunsOptions) => resume(run, options, io));
  add('diff', 'settings in which two runs differ')
    .argument('<left>')
    .argument('<right>')
    .action((left: string, right: string, options: RunsOptions) => diff(left, right, options, io));
}

async function list(folder: string, options: ListOptions, io: CliIo): Promise<void> {
  if (serviceAddress(io, options.service) === undefined) return listFolders(resolve(io.cwd, folder), options, io);
  await withService(io, options, async (service) => {
    const filter = { states: options.state.map(stateOf), labels: Object.fromEntries(options.label.map(labelOf)) };
    const runs = [];
    for await (const run of service.list(filter)) runs.push(run);
    if (options.json === true) for (const run of runs) printJson(io, run);
    else io.out(runs.length === 0 ? 'no runs\n' : runsTable(runs));
  });
}

async function listFolders(folder: string, { json }: RunsOptions, io: CliIo): Promise<void> {
  const runs = await runsIn(folder);
  if (json === true) return runs.forEach(({ record, folder: { path } }) => printJson(io, { ...record, folder: path }));
  const rows = runs.map(({ record, folder: { path } }) => [
    path,
    record.status,
    record.stage,
    record.training === undefined ? '-' : `${record.training.steps}/${record.training.totalSteps}`,
    record.createdAt.slice(0, 16).replace('T', ' '),
  ]);
  io.out(
    rows.length === 0 ? `no runs in ${folder}\n` : textTable(['run', 'status', 'stage', 'step', 'began (UTC)'], rows),
  );
}

async function show(run: string, options: RunsOptions, io: CliIo): Promise<void> {
  if (serviceAddress(io, options.service) === undefined) {
    const { record, folder } = await readRun(resolve(io.cwd, run));
    return io.out(`${JSON.stringify({ ...record, folder: folder.path }, undefined, options.json === true ? 0 : 2)}\n`);
  }
  await withService(io, options, async (service) => {
    io.out(`${JSON.stringify(await service.get(run), undefined, options.json === true ? 0 : 2)}\n`);
  });
}

async function cancel(run: string, options: RunsOptions, io: CliIo): Promise<void> {
  if (serviceAddress(io, options.service) === undefined) {
    stopRunIn(resolve(io.cwd, run));
    return io.note('asked to stop at the next step\n');
  }
  await withService(io, options, async (service) => tell(io, options, await service.cancel(run)));
}

async function resume(run: string, options: RunsOptions, io: CliIo): Promise<void> {
  if (serviceAddress(io, options.service) === undefined) {
    return runWith(io, { set: [], json: options.json ?? false }, (start) => resumeRun(resolve(io.cwd, run), start));
  }
  await withService(io, options, async (service) => tell(io, options, await service.resume(run)));
}

async function diff(left: string, right: string, options: RunsOptions, io: CliIo): Promise<void> {
  const configs =
    serviceAddress(io, options.service) === undefined
      ? await Promise.all([left, right].map(async (run) => (await readRun(resolve(io.cwd, run))).config))
      : await withService(io, options, (service) =>
          Promise.all([left, right].map(async (run) => (await service.get(run)).resolvedSpec ?? {})),
        );
  const differences = configDifferences(configs[0] ?? {}, configs[1] ?? {});
  if (options.json === true) return printJson(io, differences);
  const text = (value: unknown): string => (value === undefined ? '-' : JSON.stringify(value));
  io.out(
    differences.length === 0
      ? 'the same settings\n'
      : textTable(
          ['setting', left, right],
          differences.map(({ key, left: a, right: b }) => [key, text(a), text(b)]),
        ),
  );
}

/** Follows a run of a service, and ends as the run did. */
export async function watchToEnd(
  service: RunsClient,
  id: string,
  afterSeq: number,
  json: boolean,
  io: CliIo,
): Promise<void> {
  for await (const event of service.watch(id, { afterSeq })) {
    if (json) printJson(io, event);
    else {
      const line = eventLine(event);
      if (line !== undefined) io.out(`${line}\n`);
    }
  }
  const { state, failure } = await service.get(id);
  if (state === 'FAILED')
    throw new MrpoError('backend', `run ${id} failed: ${failure?.message ?? ''}`, { hint: failure?.hint });
  if (state === 'CANCELLED') throw new MrpoError('aborted', `run ${id} was cancelled`);
}

async function withService<T>(
  io: CliIo,
  { service: flag }: RunsOptions,
  work: (service: RunsClient) => Promise<T>,
): Promise<T> {
  await using service = openService(io, flag);
  return await work(service);
}

function tell(
  io: CliIo,
  { json }: RunsOptions,
  run: { readonly id: string; readonly state: string; readonly reason: string },
): void {
  if (json === true) printJson(io, run);
  else io.out(`${run.id}: ${run.state}${run.reason === '' ? '' : ` (${run.reason})`}\n`);
}

function stateOf(text: string): RunState {
  const state = RUN_STATES.find((name) => name === text.toUpperCase());
  if (state !== undefined) return state;
  throw new MrpoError('usage', `--state ${text}: expected one of ${RUN_STATES.join(', ')}`);
}
