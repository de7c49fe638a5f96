/** Follows a run of a service to its end, as a local run is followed. Ctrl-C asks the run to stop, and it is followed on. */
import { setTimeout as sleep } from 'node:timers/promises';
import { toMrpoError } from '../../core/errors.js';
import type { RunsClient } from '../../service/client/connect.js';
import type { ServiceRun } from '../../service/client/values.js';
import { isFinal } from '../../service/journal/fold.js';
import type { ServiceNote } from '../../store/service-note.js';
import type { CliIo } from '../command.js';
import { createRunDisplay } from '../run-display.js';
import { runArgument } from '../service-client.js';
import { awayNotes, isOutOfReach } from '../service-away.js';
import { shownOf } from './shown.js';

/**
 * @param service Not ended by `io.signal`.
 * @param afterSeq Only events behind this number are shown.
 * @returns the run, which has ended.
 */
export async function followToEnd(
  service: RunsClient,
  at: ServiceNote,
  afterSeq: number,
  quiet: boolean,
  io: CliIo,
): Promise<ServiceRun> {
  const { id } = at;
  const display = createRunDisplay(io, quiet);
  const note = (message: string): void => display.show({ type: 'note', message });
  const over = new AbortController();
  const stop = (): void => {
    stopRun(service, id, over.signal, note).catch((thrown: unknown) => {
      if (!over.signal.aborted) note(`the run could not be stopped: ${toMrpoError(thrown).message}`);
    });
  };
  io.signal.addEventListener('abort', stop, { once: true });
  if (io.signal.aborted) stop();
  try {
    for (let seen = afterSeq; ;) {
      for await (const event of service.watch(id, { afterSeq: seen, ...awayNotes(note) })) {
        seen = event.seq;
        const shown = shownOf(event, runArgument(io, at));
        if (shown !== undefined) display.show(shown);
      }
      const run = await service.get(id);
      if (isFinal(run.state)) return run; // else somebody has let it go on in this moment
    }
  } finally {
    over.abort();
    display.end();
    io.signal.removeEventListener('abort', stop);
  }
}

const ASK_AGAIN_MS = 1_000;

/** Asks a run to stop at its next step, as often as it takes until the service has heard it. */
async function stopRun(
  service: RunsClient,
  id: string,
  signal: AbortSignal,
  note: (message: string) => void,
): Promise<void> {
  for (let tries = 0; ; tries++) {
    try {
      const { state } = await service.get(id, { signal });
      if (!isFinal(state)) await service.cancel(id, 'interrupted', { signal });
      return;
    } catch (thrown) {
      if (signal.aborted || !isOutOfReach(thrown)) throw thrown;
      if (tries === 0)
        note('the service is away: the run is asked to stop when it is back; Ctrl-C again leaves the run to itself');
    }
    await sleep(ASK_AGAIN_MS, undefined, { signal });
  }
}
