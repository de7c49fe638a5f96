/** A run of a service, event by event: a line each, on standard output. */
import { MrpoError, toMrpoError } from '../../core/errors.js';
import type { RunsClient } from '../../service/client/connect.js';
import { printJson, type CliIo } from '../command.js';
import { awayNotes } from '../service-away.js';
import { eventLine } from '../service-display.js';

/** Follows a run to its end, and ends as the run did. Ctrl-C ends the watch and leaves the run alone. */
export async function watchToEnd(
  service: RunsClient,
  id: string,
  afterSeq: number,
  json: boolean,
  io: CliIo,
): Promise<void> {
  const away = awayNotes((text) => io.note(`${text}\n`));
  let last = afterSeq;
  try {
    for await (const event of service.watch(id, { afterSeq, ...away })) {
      last = event.seq;
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
      hint: `Watch it again: mrpo runs watch ${id} --after ${last}. Stop it: mrpo runs cancel ${id}`,
    });
  }
  const { state, reason, failure } = await service.get(id);
  const again = `Go on with: mrpo runs resume ${id}`;
  if (state === 'FAILED') {
    const hint = [failure?.hint, again].filter(Boolean).join('\n  ');
    throw new MrpoError('backend', `run ${id} failed: ${failure?.message ?? reason}`, { hint });
  }
  if (state === 'CANCELLED')
    throw new MrpoError('aborted', `run ${id} was stopped: ${reason || 'cancelled'}`, { hint: again });
}
