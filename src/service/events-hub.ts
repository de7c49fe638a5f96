/** Who waits for events of a run is woken when there are new ones. */

export interface EventsHub {
  announce(run: string): void;
  /** Resolves at the next announcement of a run, or when `signal` fires. */
  news(run: string, signal: AbortSignal): Promise<void>;
}

/** A hub that nobody waits at. */
export function createEventsHub(): EventsHub {
  const waiting = new Map<string, Set<() => void>>();
  return {
    announce(run) {
      const wakes = waiting.get(run);
      waiting.delete(run);
      for (const wake of wakes ?? []) wake();
    },
    news(run, signal) {
      return new Promise((resolve) => {
        const wakes = waiting.get(run) ?? new Set();
        waiting.set(run, wakes);
        const wake = (): void => {
          signal.removeEventListener('abort', wake);
          wakes.delete(wake);
          resolve();
        };
        wakes.add(wake);
        if (signal.aborted) wake();
        else signal.addEventListener('abort', wake, { once: true });
      });
    },
  };
}
