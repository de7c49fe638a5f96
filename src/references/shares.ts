/** The pairs of one model divided among several backends. Each takes its next share when it has done the last one. */
import type { Backend, ServerInfo } from '../backend/backend.js';
import { MrpoError } from '../core/errors.js';

/** A further backend that scores a part of the pairs. What it gives is the same rows, or is not used. */
export interface ScoringHelper {
  /** Its address, or what else tells it from the others. */
  readonly name: string;
  /** Called when there is work for it; gives the same backend at every call. */
  readonly open: () => Promise<Backend>;
  /** Fires when it is wanted back: it lets go at once, and others do the rest of its share. Default: never. */
  readonly recalled?: AbortSignal | undefined;
  /** Called when nothing of these pairs is on it any more. */
  readonly giveBack?: (() => void) | undefined;
}

/** Where helpers come from. */
export interface HelperPool {
  /**
   * Asks for `most` helpers at most, none of those in `lost`. `join` is called with those that are free now, and with
   * those that become free later.
   * @returns how to end the asking, once all are given back.
   */
  ask(most: number, lost: ReadonlySet<string>, join: (helpers: readonly ScoringHelper[]) => void): () => void;
}

/** Helpers that are always free. */
export const poolOf = (helpers: readonly ScoringHelper[]): HelperPool => ({
  ask(most, lost, join) {
    join(helpers.filter(({ name }) => !lost.has(name)).slice(0, most));
    return () => undefined;
  },
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

/** Some of the pairs, for one backend. */
export interface Share {
  /** Of its pairs. */
  readonly positions: readonly number[];
  /** Those that are not scored yet; who scores one takes it out. */
  readonly rest: Set<number>;
}

/** Pairs by position, divided among backends that come and go. */
export interface Shares {
  /** One more takes shares from now on: they become smaller. */
  join(): void;
  /** One takes no more. */
  leave(): void;
  /** The next share, if there is one now. Whoever has taken it says when it is {@link done}. */
  take(): Share | undefined;
  /** The same; while somebody has so much that a part of it is about to come back, it waits for that, until stopped. */
  takeSoon(stop: AbortSignal): Promise<Share | undefined>;
  /** The same; while others have shares at all, it waits, for those may come back. Undefined: all is done. */
  takeLast(): Promise<Share | undefined>;
  /** What was not scored of it somebody else does. */
  done(share: Share): void;
  /** Whether so much is left of a share that it is to be given back, for others to have a part. */
  isTooMuch(share: Share): boolean;
}

/** Begins with one backend, whose share is everything. */
export function shareOut(positions: readonly number[]): Shares {
  let free = positions;
  let takers = 1;
  const held = new Set<Share>();
  let waiting: (() => void)[] = [];
  const size = (): number => (takers === 1 ? positions.length : Math.ceil(positions.length / (SHARES_EACH * takers)));
  const take = (): Share | undefined => {
    if (free.length === 0) return undefined;
    const share = { positions: free.slice(0, size()), rest: new Set(free.slice(0, size())) };
    free = free.slice(size());
    held.add(share);
    return share;
  };
  const takeWhile = async (mayCome: () => boolean, stop?: AbortSignal): Promise<Share | undefined> => {
    for (;;) {
      if (stop?.aborted === true) return undefined;
      const share = take();
      if (share !== undefined || !mayCome()) return share;
      await new Promise<void>((resolve) => {
        const wake = (): void => {
          stop?.removeEventListener('abort', wake);
          resolve();
        };
        waiting.push(wake);
        stop?.addEventListener('abort', wake, { once: true });
      });
    }
  };
  const isTooMuch = ({ rest }: Share): boolean => rest.size > 2 * size();
  return {
    join: () => void (takers += 1),
    leave: () => void (takers -= 1),
    take,
    takeSoon: (stop) => takeWhile(() => [...held].some(isTooMuch), stop),
    takeLast: () => takeWhile(() => held.size > 0),
    done(share) {
      held.delete(share);
      free = [...share.rest, ...free];
      const woken = waiting;
      waiting = [];
      for (const wake of woken) wake();
    },
    isTooMuch,
  };
}
