/** The pairs of one model divided among several backends. Each takes its next share when it has done the last one. */
import type { Backend } from '../backend/backend.js';

/** A further backend that scores a part of the pairs. What it gives is the same rows, or is not used. */
export interface ScoringHelper {
  /** For messages, e.g. its address. */
  readonly name: string;
  /** Called when there is work for it; gives the same backend at every call. */
  readonly open: () => Promise<Backend>;
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
