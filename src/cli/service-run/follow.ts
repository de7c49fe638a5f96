/** Follows a run of a service to its end, as a local run is followed. Ctrl-C asks the run to stop, and it is followed on. */
import { toMrpoError } from '../../core/errors.js';
import type { RunsClient } from '../../service/client/connect.js';
import type { ServiceRun } from '../../service/client/values.js';
import { isFinal } from '../../service/journal/fold.js';
import type { CliIo } from '../command.js';
import { createRunDisplay } from '../run-display.js';
import { shownOf } from './shown.js';

/**
 * @param service Not ended by `io.signal`.
 * @param afterSeq Only events behind this number are shown.
 * @returns the run, which has ended.
 */
export async function followToEnd(
  service: RunsClient,
  id: string,
  afterSeq: number,
  quiet: boolean,
  io: CliIo,
): Promise<ServiceRun> {
  const display = createRunDisplay(io, quiet);
  const stop = (): void => {
    service.cancel(id, 'interrupted').catch((thrown: unknown) => {
      display.show({ type: 'note', message: `the run could not be stopped: ${toMrpoError(thrown).message}` });
    });
  };
  io.signal.addEventListener('abort', stop, { once: true });
  if (io.signal.aborted) stop();
  try {
    for (let seen = afterSeq; ;) {
      for await (const event of service.watch(id, { afterSeq: seen })) {
        seen = event.seq;
        const shown = shownOf(event);
        if (shown !== undefined) display.show(shown);
      }
      const run = await service.get(id);
      if (isFinal(run.state)) return run; // else somebody has let it go on in this moment
    }
  } finally {
    display.end();
    io.signal.removeEventListener('abort', stop);
  }
}
