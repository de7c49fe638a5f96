/**
 * Events that are told once and can be heard by anyone at any time: an iterator that starts late begins with the first
 * event. Progress of the same work replaces what nobody has heard yet of it, so the log stays short.
 */
export interface EventLog<Event> {
  push(event: Event): void;
  /** No more events. Iterators end after the last one. */
  end(): void;
  readonly events: AsyncIterable<Event>;
}

/** @param replaces Whether an event makes the one right before it superfluous. */
export function createEventLog<Event>(replaces: (event: Event, previous: Event) => boolean): EventLog<Event> {
  const log: Event[] = [];
  let ended = false;
  let wake = (): void => undefined;
  let news = new Promise<void>((resolve) => (wake = resolve));
  const announce = (): void => {
    wake();
    news = new Promise<void>((resolve) => (wake = resolve));
  };
  let heard = 0;
  return {
    push(event) {
      const last = log.at(-1);
      if (last !== undefined && heard < log.length && replaces(event, last)) log[log.length - 1] = event;
      else log.push(event);
      announce();
    },
    end() {
      ended = true;
      announce();
    },
    events: {
      async *[Symbol.asyncIterator]() {
        for (let next = 0; ;) {
          while (next < log.length) {
            heard = Math.max(heard, next + 1);
            yield log[next++] as Event;
          }
          if (ended) return;
          await news;
        }
      },
    },
  };
}
