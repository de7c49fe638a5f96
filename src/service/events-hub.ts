/**
 * Who waits for events of a run is woken when there are new ones. Waking costs a message for each who waits, so after
 * many were woken the hub rests for a moment, and wakes everyone together who has news by then.
 */

export interface EventsHub {
  announce(run: string): void;
  /** Resolves when there is news of a run, or when `signal` fires. */
  news(run: string, signal: AbortSignal): Promise<void>;
}

/** A message to one watcher takes some 0.05 ms of this process: a fifth of one processor at most goes into waking. */
const REST_PER_WOKEN_MS = 0.25;
const LONGEST_REST_MS = 50;

/** A hub that nobody waits at. */
export function createEventsHub(): EventsHub {
  const waiting = new Map<string, Set<() => void>>();
  const announced = new Set<string>();
  let timer: NodeJS.Timeout | undefined;
  let restUntil = 0;
  const wakeAll = (): void => {
    timer = undefined;
    let woken = 0;
    for (const run of announced) {
      const wakes = waiting.get(run) ?? new Set();
      waiting.delete(run);
      woken += wakes.size;
      for (const wake of wakes) wake();
    }
    announced.clear();
    restUntil = performance.now() + Math.min(LONGEST_REST_MS, woken * REST_PER_WOKEN_MS);
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
