/**
 * When a run whose backend has failed may try once more, and after which pause. A way that is gone (a machine asleep, a
 * network down) may need minutes to be back; a backend that fails at the same step again and again will go on doing so.
 */
import { BackendFault, type FaultReason } from '../backend/fault.js';
import { isConnectionLost } from '../training/lost-connection.js';

/** What another attempt with the last checkpoint may help against. */
const RECOVERABLE: readonly FaultReason[] = ['died', 'failed', 'trainer_lost', 'unknown_handle'];
/** Of them, what leaves a trainer that is as it was after its last step. */
const STANDING: readonly FaultReason[] = ['failed'];

const isRecoverable = (thrown: unknown): thrown is BackendFault =>
  isConnectionLost(thrown) || (thrown instanceof BackendFault && RECOVERABLE.includes(thrown.reason));

/** Whether the trainer cannot be asked for anything any more. */
export const isLost = (thrown: unknown): boolean => isRecoverable(thrown) && !STANDING.includes(thrown.reason);

/** At one step. */
const MOST_FAILURES = 3;
const MOST_RECOVERIES = 100;
const FIRST_PAUSE_S = 1;
const LONGEST_PAUSE_S = 30;
/** A backend keeps a trainer for ten minutes; who is away longer has to be started again by hand. */
const LONGEST_ABSENCE_S = 660;

/** Counts the failures of a run's backend. */
export interface Recovery {
  /**
   * Decides after a failure.
   * @param step The last step that was done when it failed.
   * @returns seconds to wait before another attempt, or that there is none; `giveUp` says why if the reason is not in
   * the error.
   */
  after(thrown: unknown, step: number): { readonly pauseSeconds: number } | { readonly giveUp: string | undefined };
}

/** Starts without a failure. @param canRestart Whether a backend whose process has ended can be started again. */
export function createRecovery(canRestart: boolean, now: () => number = () => performance.now() / 1000): Recovery {
  let [recoveries, atStep, failures, tries, since] = [0, -1, 0, 0, 0];
  return {
    after(thrown, step) {
      const cut = isConnectionLost(thrown);
      if (!isRecoverable(thrown)) return { giveUp: undefined };
      if (thrown.reason === 'died' && !canRestart) return { giveUp: undefined };
      if (step !== atStep) [atStep, failures, tries, since] = [step, 0, 0, now()];
      if (!cut) failures += 1;
      if (failures >= MOST_FAILURES) return { giveUp: `it has failed ${failures} times after step ${step}` };
      if (now() - since > LONGEST_ABSENCE_S) return { giveUp: 'the backend has not come back' };
      if ((recoveries += 1) > MOST_RECOVERIES) return { giveUp: `it has failed ${MOST_RECOVERIES} times` };
      tries += 1;
      return { pauseSeconds: Math.min(FIRST_PAUSE_S * 2 ** (tries - 1), LONGEST_PAUSE_S) };
    },
  };
}
