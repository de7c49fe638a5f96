/** A run of a service, event by event: a line each, on standard output. */
import { MrpoError, toMrpoError } from '../../core/errors.js';
import type { RunsClient } from '../../service/client/connect.js';
import type { ServiceRun } from '../../service/client/values.js';
import type { ServiceNote } from '../../store/service-note.js';
import { printJson, type CliIo } from '../command.js';
import { awayNotes } from '../service-away.js';
import { runArgument } from '../service-client.js';
import { eventLine } from '../service-display.js';

/** Follows a run to its end, and ends as the run did. Ctrl-C ends the watch and leaves the run alone. */
export async function watchToEnd(
  service: RunsClient,
  at: ServiceNote,
  afterSeq: number,
  json: boolean,
  io: CliIo,
): Promise<void> {
  const { id } = at;
  const named = runArgument(io, at);
  const away = awayNotes((text) => io.note(`${text}\n`));
  let last = afterSeq;
  try {
    for await (const event of service.watch(id, { afterSeq, ...away })) {
      last = event.seq;
      if (event.type === 'unknown') continue; // it counts, and there is nothing to show
      if (json) printJson(io, event);
      else {
        const line = eventLine(event);
        if (line !== undefined) io.out(`${line}\n`);
      }
    }
  } catch (thrown) {
    const error = toMrpoError(thrown);
    if (error.code !== 'aborted') throw error;
    throw new MrpoError('aborted', `run ${id} is no longer watched; it goes on`, {
      cause: error,
      hint: `Watch it again: mrpo runs watch ${named} --after ${last}. Stop it: mrpo runs cancel ${named}`,
    });
  }
  const { state, reason, failure } = await service.get(id);
  const resume = `mrpo runs resume ${named}`;
  const again = `Go on with: ${resume}`;
  if (state === 'FAILED') {
    const hint = [failure?.hint, wouldFailAgain(failure) ? `${MEND} ${resume}` : again].filter(Boolean).join('\n  ');
    throw new MrpoError('backend', `run ${id} failed: ${failure?.message ?? reason}`, { hint });
  }
  if (state === 'CANCELLED')
    throw new MrpoError('aborted', `run ${id} was stopped: ${reason || 'cancelled'}`, { hint: again });
}

const MEND =
  'It would fail again: mend that first. Other settings are another run (mrpo submit); with the same ones go on with:';

/** What the caller, or the data, is to change. */
const wouldFailAgain = (failure: ServiceRun['failure']): boolean =>
  failure !== undefined && !failure.retryable && failure.class !== 'CONTROL_PLANE';
