/** The pairs of one model divided among several backends. Each takes its next share when it has done the last one. */
import type { Backend, ServerInfo } from '../backend/backend.js';
import { MrpoError } from '../core/errors.js';

/** A further backend that scores a part of the pairs. What it gives is the same rows, or is not used. */
export interface ScoringHelper {
  /** Its address, or what else tells it from the others. */
  readonly name: string;
  /** Called when there is work for it; gives the same backend at every call. */
  readonly open: () => Promise<Backend>;
}

/** Where helpers come from. */
export interface HelperPool {
  /** Those that are free now, `most` at most and none of those in `lost`. Called when there are pairs to share. */
  lend(most: number, lost: ReadonlySet<string>): Promise<readonly ScoringHelper[]>;
  /** Nothing more is asked of those that were lent. */
  giveBack(): void;
}

/** Helpers that are always free. */
export const poolOf = (helpers: readonly ScoringHelper[]): HelperPool => ({
  lend: async (most, lost) => helpers.filter(({ name }) => !lost.has(name)).slice(0, most),
  giveBack: () => undefined,
});

/**
 * What can be known of a helper before it loads anything: on another kind of device its numbers would be others.
 * @throws MrpoError `model` naming what differs.
 */
export function requireSameKind(own: ServerInfo, helper: ServerInfo): void {
  const [expected, got] = [kindOf(own), kindOf(helper)];
  if (got === expected) return;
  throw new MrpoError('model', `it computes on ${got}, expected ${expected}: its log-probs would be others`);
}

/** As far as it decides numbers: processors give the same ones, GPUs by product and release of torch. */
function kindOf({ device, deviceName, versions }: ServerInfo): string {
  const [kind = ''] = device.split(':');
  return kind === 'cuda' ? `cuda ${deviceName} with torch ${(versions['torch'] ?? '').split('+')[0] ?? ''}` : kind;
}

/** Loading a model takes as long as scoring some pairs: a backend that would get fewer is left out. */
const LEAST_PAIRS = 64;
/** Of one backend, so that one that begins late or is slow is not waited for long. */
const SHARES_EACH = 4;

/** How many of `helpers` further backends are worth the loading for so many pairs. */
export const worthHelping = (pairs: number, helpers: number): number =>
  Math.min(helpers, Math.max(0, Math.floor(pairs / LEAST_PAIRS) - 1));

/** Gives the next share, until there is none. Without helpers one share is everything. */
export function shareOut(positions: readonly number[], helpers: number): () => readonly number[] | undefined {
  const size = helpers === 0 ? positions.length : Math.ceil(positions.length / (SHARES_EACH * (helpers + 1)));
  let next = 0;
  return () => {
    if (next >= positions.length) return undefined;
    next += size;
    return positions.slice(next - size, next);
  };
}
