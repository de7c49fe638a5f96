/** What a terminal shows while a service is away: once that it is, and once that it is back. */
import { durationText } from '../core/quantities.js';
import { toMrpoError } from '../core/errors.js';
import type { Away } from '../service/client/watch.js';
import { RunsFault } from '../service/fault.js';

/** @param say Called with one line. */
export const awayNotes = (
  say: (text: string) => void,
): { readonly onAway: (away: Away) => void; readonly onBack: (awayMs: number) => void } => ({
  onAway: ({ fault, since, until }) => {
    const wait = durationText((until.getTime() - since.getTime()) / 1000);
    say(`the service is away since ${clock(since)} (${fault.message}); waiting for it, ${wait} at most`);
  },
  onBack: (awayMs) => say(`the service is back; it was away for ${durationText(awayMs / 1000)}`),
});

const clock = (time: Date): string => time.toTimeString().slice(0, 8);

const OUT_OF_REACH: readonly string[] = ['unreachable', 'unavailable', 'failed', 'slow_reader'];

/** Whether a call has failed because of the way to the service, or of the service itself. */
export function isOutOfReach(thrown: unknown): boolean {
  const error = toMrpoError(thrown);
  return error instanceof RunsFault && OUT_OF_REACH.includes(error.reason);
}
