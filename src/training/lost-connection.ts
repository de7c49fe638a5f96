/** Connections that break off while the backend lives: what can be asked again is, after growing pauses. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Reopened, Trainer } from '../backend/backend.js';
import { BackendFault, type FaultReason } from '../backend/fault.js';
import { abortError, throwIfAborted } from '../core/abort.js';
import { toMrpoError } from '../core/errors.js';

/** Together about as long as a network or a sleeping machine needs to be back; then a checkpoint is the way on. */
const PAUSES_MS = [100, 300, 1000, 2000, 4000, 8000, 15_000];

const CONNECTION_LOST: readonly FaultReason[] = ['stream_ended', 'unreachable'];

/** Whether a call failed because of the way to the backend, and not because of the backend. */
export const isConnectionLost = (thrown: unknown): boolean =>
  thrown instanceof BackendFault && CONNECTION_LOST.includes(thrown.reason);

/** Told in a sentence that a connection is lost, and that it is back; not of one that is back at once. */
export type SayConnection = (message: string) => void;

/** Who may end the waiting for a connection, and who hears of it. */
export interface WaitOptions {
  readonly signal?: AbortSignal | undefined;
  readonly say?: SayConnection | undefined;
}

/** Does work that changes nothing until it is answered; a lost connection in the middle starts it again. */
export async function retryWhenConnectionLost<T>(
  work: () => Promise<T>,
  { signal, say }: WaitOptions = {},
): Promise<T> {
  throwIfAborted(signal);
  const wait = async (pause: number): Promise<boolean> => {
    await pauseFor(pause, signal);
    return true;
  };
  return retry(work, wait, announcer(say));
}

/** A break that is over so soon costs no step, also where the training is to stop. */
const SHORT_PAUSE_MS = 1000;
/** A way that neither opens nor is refused (a machine that is off) takes long to fail. */
const SILENCE_MS = 1000;

/**
 * Opens the training stream again. Fails as `unknown_handle` if the backend no longer has the trainer.
 * @param lost What the stream has failed with.
 * @param options Signal fired: a backend that stays away is not waited for; a checkpoint is the way on.
 */
export async function reopenTrainer(
  trainer: Trainer,
  lost: unknown,
  { signal: stop, say }: WaitOptions,
): Promise<Reopened> {
  const wait = (pause: number): Promise<boolean> =>
    pauseFor(pause, pause > SHORT_PAUSE_MS ? stop : undefined).then(
      () => true,
      () => false,
    );
  const announce = announcer(say);
  const silence = setTimeout(announce.lost, SILENCE_MS, lost);
  try {
    return await retry(() => trainer.reopen(), wait, announce);
  } finally {
    clearTimeout(silence);
  }
}

/** @param wait Whether there is time for more than one further attempt. */
async function retry<T>(
  work: () => Promise<T>,
  wait: (pause: number) => Promise<boolean>,
  announce: Announcer,
): Promise<T> {
  for (const pause of PAUSES_MS) {
    try {
      const done = await work();
      announce.back();
      return done;
    } catch (thrown) {
      if (!isConnectionLost(thrown)) throw thrown;
      announce.lost(thrown);
      if (!(await wait(pause))) break;
    }
  }
  const done = await work();
  announce.back();
  return done;
}

interface Announcer {
  /** Says it the first time. */
  lost(thrown: unknown): void;
  /** Says it if it was said that the connection is lost. */
  back(): void;
}

const PATIENCE_S = Math.round(PAUSES_MS.reduce((sum, pause) => sum + pause, 0) / 1000);

function announcer(say: SayConnection | undefined): Announcer {
  let told = false;
  return {
    lost(thrown) {
      if (!told) say?.(`${toMrpoError(thrown).message}; waiting for the connection, ${PATIENCE_S} s at most`);
      told = true;
    },
    back() {
      if (told) say?.('the backend answers again');
    },
  };
}

/** Waits. @throws MrpoError `aborted` when the signal fires. */
export async function pauseFor(milliseconds: number, signal?: AbortSignal): Promise<void> {
  try {
    await sleep(milliseconds, undefined, { signal });
  } catch {
    throw abortError(signal);
  }
}
