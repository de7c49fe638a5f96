/** Runs as tables: those of a service, or those in a folder. */
import { MrpoError } from '../../core/errors.js';
import type { ListRunsOptions, RunsClient } from '../../service/client/connect.js';
import { RUN_STATES, type RunState } from '../../service/journal/line.js';
import { printJson, type CliIo } from '../command.js';
import { runsIn } from '../run-folders.js';
import { runsTable } from '../service-display.js';
import { textTable } from '../text-table.js';

/** Prints the runs of a service, newest first. */
export async function listRuns(service: RunsClient, filter: ListRunsOptions, json: boolean, io: CliIo): Promise<void> {
  const runs = [];
  for await (const run of service.list(filter)) runs.push(run);
  if (json) for (const run of runs) printJson(io, run);
  else io.out(runs.length === 0 ? 'no runs\n' : runsTable(runs));
}

/** Prints the runs in a folder and one level below it, newest first. */
export async function listFolders(folder: string, json: boolean, io: CliIo): Promise<void> {
  const runs = await runsIn(folder);
  if (json) return runs.forEach(({ record, folder: { path } }) => printJson(io, { ...record, folder: path }));
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

/** A state as a flag says it. @throws MrpoError `usage`. */
export function stateOf(text: string): RunState {
  const state = RUN_STATES.find((name) => name === text.toUpperCase());
  if (state !== undefined) return state;
  throw new MrpoError('usage', `--state ${text}: expected one of ${RUN_STATES.join(', ')}`);
}
