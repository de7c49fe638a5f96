/**
 * Who waits for events of a run is woken when there are new ones. Waking costs a message for each who waits, so after
 * many were woken the hub rests for a moment, and wakes everyone who has news by then: in groups, between which other
 * callers get their answers.
 */

export interface EventsHub {
  announce(run: string): void;
  /** Resolves when there is news of a run, or when `signal` fires. */
  news(run: string, signal: AbortSignal): Promise<void>;
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
  return {
    announce(run) {
      if (!waiting.has(run)) return;
      announced.add(run);
      const rest = restUntil - performance.now();
      if (rest <= 0 && timer === undefined) wakeAll();
      else timer ??= setTimeout(wakeAll, rest);
    },
    news(run, signal) {
      return new Promise((resolve) => {
        const wakes = waiting.get(run) ?? new Set();
        waiting.set(run, wakes);
        const wake = (): void => {
          signal.removeEventListener('abort', wake);
          wakes.delete(wake);
          if (wakes.size === 0 && waiting.get(run) === wakes) waiting.delete(run);
          resolve();
        };
        wakes.add(wake);
        if (signal.aborted) wake();
        else signal.addEventListener('abort', wake, { once: true });
      });
    },
  };
}
