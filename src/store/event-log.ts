/**
 * Events that are pushed once and can be read by anyone at any time: an iterator that starts late begins with the first
 * event that is still remembered. Progress of the same work replaces what nobody has read yet of it, and of a long run
 * the oldest events that its files hold too are forgotten, so the log stays short.
 */
export interface EventLog<Event> {
  push(event: Event): void;
  /** No more events. Iterators end after the last one. */
  end(): void;
  readonly events: AsyncIterable<Event>;
}

/** Which events may be dropped to keep the log short. */
export interface EventLogOptions<Event> {
  /** Whether an event makes the one right before it superfluous. */
  readonly replaces: (event: Event, previous: Event) => boolean;
  /** Whether an event may be forgotten when there are too many: it can be read elsewhere. */
  readonly forgettable: (event: Event) => boolean;
  /** Forgettable events that are remembered, at least. Default 2000. */
  readonly remembered?: number | undefined;
}

interface Entry<Event> {
  /** Counts all events ever pushed, so that an iterator finds its place when others have been forgotten. */
  readonly number: number;
  readonly event: Event;
}

const REMEMBERED = 2000;

/** An empty log. Any number of iterators may read it; each sees the events in order. */
export function createEventLog<Event>(options: EventLogOptions<Event>): EventLog<Event> {
  const { replaces, forgettable, remembered = REMEMBERED } = options;
  let log: Entry<Event>[] = [];
  let ended = false;
  let told = 0;
  let heard = 0;
  let forgettables = 0;
  let wake = (): void => undefined;
  let news = new Promise<void>((resolve) => (wake = resolve));
  const announce = (): void => {
    wake();
    news = new Promise<void>((resolve) => (wake = resolve));
  };
  const forget = (): void => {
    let younger = forgettables;
    log = log.filter(({ event }) => !forgettable(event) || younger-- <= remembered);
    forgettables = remembered;
  };
  return {
    push(event) {
      const last = log.at(-1);
      if (last !== undefined && heard < told && replaces(event, last.event)) log[log.length - 1] = { ...last, event };
      else {
        log.push({ number: (told += 1), event });
        if (forgettable(event)) forgettables += 1;
        if (forgettables > 2 * remembered) forget();
      }
      announce();
    },
    end() {
      ended = true;
      announce();
    },
    events: {
      async *[Symbol.asyncIterator]() {
        for (let last = 0; ;) {
          for (let entry = after(log, last); entry !== undefined; entry = after(log, last)) {
            last = entry.number;
            heard = Math.max(heard, last);
            yield entry.event;
          }
          if (ended) return;
          await news;
        }
      },
    },
  };
}

/** The first entry behind number `last`: the numbers rise, mostly by one. */
function after<Event>(log: readonly Entry<Event>[], last: number): Entry<Event> | undefined {
  let [low, high] = [0, log.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((log[middle]?.number ?? Infinity) > last) high = middle;
    else low = middle + 1;
  }
  return log[low];
}
