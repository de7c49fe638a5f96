/** Connections that break off while the backend lives: what can be asked again is, after growing pauses. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Reopened, Trainer } from '../backend/backend.js';
import { BackendFault, type FaultReason } from '../backend/fault.js';
import { abortError, throwIfAborted } from '../core/abort.js';

/** Together about as long as a network or a sleeping machine needs to be back; then a checkpoint is the way on. */
const PAUSES_MS = [100, 300, 1000, 2000, 4000, 8000, 15_000];

const CONNECTION_LOST: readonly FaultReason[] = ['stream_ended', 'unreachable'];

/** Whether a call failed because of the way to the backend, and not because of the backend. */
export const isConnectionLost = (thrown: unknown): boolean =>
  thrown instanceof BackendFault && CONNECTION_LOST.includes(thrown.reason);

/** Does work that changes nothing until it is answered; a lost connection in the middle starts it again. */
export async function retryWhenConnectionLost<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
  throwIfAborted(signal);
  return retry(work, async (pause) => {
    await pauseFor(pause, signal);
    return true;
  });
}

/** A break that is over so soon costs no step, also where the training is to stop. */
const SHORT_PAUSE_MS = 1000;

/**
 * Opens the training stream again. Fails as `unknown_handle` if the backend no longer has the trainer.
 * @param stop Fired: a backend that stays away is not waited for; a checkpoint is the way on.
 */
export const reopenTrainer = (trainer: Trainer, stop: AbortSignal | undefined): Promise<Reopened> =>
  retry(
    () => trainer.reopen(),
    (pause) =>
      pauseFor(pause, pause > SHORT_PAUSE_MS ? stop : undefined).then(
        () => true,
        () => false,
      ),
  );

/** @param wait Whether there is time for more than one further attempt. */
async function retry<T>(work: () => Promise<T>, wait: (pause: number) => Promise<boolean>): Promise<T> {
  for (const pause of PAUSES_MS) {
    try {
      return await work();
    } catch (thrown) {
      if (!isConnectionLost(thrown)) throw thrown;
      if (!(await wait(pause))) break;
    }
  }
  return work();
}

/** Waits. @throws MrpoError `aborted` when the signal fires. */
export async function pauseFor(milliseconds: number, signal?: AbortSignal): Promise<void> {
  try {
    await sleep(milliseconds, undefined, { signal });
  } catch {
    throw abortError(signal);
  }
}
