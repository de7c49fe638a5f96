/**
 * Who waits for events of a run is woken when there are new ones. Waking costs a message for each who waits, so after
 * many were woken the hub rests for a moment, and wakes everyone who has news by then: in groups, between which other
 * callers get their answers.
 */

export interface EventsHub {
  announce(run: string): void;
  /** Somebody who will wait for news of a run again and again. */
  join(run: string): Waiter;
}

/** One who waits, at one place at a time. */
export interface Waiter {
  /** Resolves when there is news behind this call, or when this waiter has left. */
  news(): Promise<void>;
  leave(): void;
}

/** A message to one watcher takes some 0.05 ms of this process: a fifth of one processor at most goes into waking. */
const REST_PER_WOKEN_MS = 0.25;
const LONGEST_REST_MS = 50;
/** Some 2 ms of messages. */
const GROUP = 32;

/** The first group at once, each further one when the event loop comes round. */
function wakeGroup(wakes: readonly (() => void)[]): void {
  for (const wake of wakes.slice(0, GROUP)) wake();
  if (wakes.length > GROUP) setImmediate(wakeGroup, wakes.slice(GROUP));
}

/** A hub that nobody waits at. */
export function createEventsHub(): EventsHub {
  const waiting = new Map<string, Set<() => void>>();
  const announced = new Set<string>();
  let timer: NodeJS.Timeout | undefined;
  let restUntil = 0;
  const wakeAll = (): void => {
    timer = undefined;
    const wakes = [...announced].flatMap((run) => [...(waiting.get(run) ?? [])]);
    for (const run of announced) waiting.delete(run);
    announced.clear();
    restUntil = performance.now() + Math.min(LONGEST_REST_MS, wakes.length * REST_PER_WOKEN_MS);
    wakeGroup(wakes);
  };
  const add = (run: string, wake: () => void): void => {
    const wakes = waiting.get(run);
    if (wakes === undefined) waiting.set(run, new Set([wake]));
    else wakes.add(wake);
  };
  const remove = (run: string, wake: () => void): void => {
    const wakes = waiting.get(run);
    if (wakes?.delete(wake) === true && wakes.size === 0) waiting.delete(run);
  };
  return {
    announce(run) {
      if (!waiting.has(run)) return;
      announced.add(run);
      const rest = restUntil - performance.now();
      if (rest <= 0 && timer === undefined) wakeAll();
      else timer ??= setTimeout(wakeAll, rest);
    },
    join(run) {
      let resolve = (): void => undefined;
      let left = false;
      const wake = (): void => resolve();
      const wait = (done: () => void): void => {
        resolve = done;
        add(run, wake);
      };
      return {
        news: () => (left ? Promise.resolve() : new Promise(wait)),
        leave() {
          left = true;
          remove(run, wake);
          wake();
        },
      };
    },
  };
}
