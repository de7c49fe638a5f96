/** Removing a run from its service, which cannot be undone: a person is asked first. */
import { MrpoError } from '../../core/errors.js';
import type { RunsClient } from '../../service/client/connect.js';
import { isFinal } from '../../service/journal/fold.js';
import type { ServiceNote } from '../../store/service-note.js';
import { printJson, type CliIo } from '../command.js';
import { runArgument } from '../service-client.js';

/** @param yes Nobody is asked. @throws MrpoError `usage` for a run at work, and where nobody can be asked. */
export async function deleteRun(
  service: RunsClient,
  at: ServiceNote,
  { yes = false, json = false }: { readonly yes?: boolean; readonly json?: boolean },
  io: CliIo,
): Promise<void> {
  const { id } = at;
  const { state, folder, progress } = await service.get(id);
  if (!isFinal(state) && state !== 'PAUSED') {
    throw new MrpoError('usage', `run ${id} is ${state}; only a run that has ended, or is paused, can be deleted`, {
      hint: `Stop it first: mrpo runs cancel ${runArgument(io, at)}`,
    });
  }
  const what = `run ${id} (${state}, step ${progress.step} of ${progress.totalSteps}; ${folder})`;
  if (!yes) {
    if (io.confirm === undefined) {
      throw new MrpoError('usage', `${what} would be deleted, and there is no terminal to ask at`, {
        hint: 'Say --yes to delete it without being asked.',
      });
    }
    const question = `Delete ${what} with its result, report, events and checkpoints? [y/N] `;
    if (!(await io.confirm(question))) return io.note('nothing was deleted\n');
  }
  await service.delete(id);
  if (json) printJson(io, { id, deleted: true });
  else io.out(`${id}: deleted\n`);
}
