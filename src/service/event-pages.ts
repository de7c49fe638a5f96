/** Events as watchers get them: read and encoded once for all who stand at the same number, and sent as they were stored. */
import { BinaryWriter } from '@bufbuild/protobuf/wire';
import type { IndexedRun, RunIndex } from './store/run-index.js';

/** Some events of a run, one behind the other. */
export interface EventPage {
  /** An encoded WatchRunResponse. */
  readonly message: Buffer;
  /** Number of its last event. */
  readonly last: number;
}

/** What watchers read. */
export interface EventPages {
  /** What a run has behind event `after`; undefined if that was the newest. */
  behind(run: IndexedRun, after: number): EventPage | undefined;
}

/** Events of one message, at most: a reader who is far behind makes small pages of some 40 KiB. */
const MOST_EVENTS = 128;
/** Of as many runs the last page is kept. */
const MOST_PAGES = 64;

interface KeptPage extends EventPage {
  readonly after: number;
}

/** Pages of the events in an index. */
export function createEventPages(index: RunIndex): EventPages {
  const kept = new Map<number, KeptPage>();
  return {
    behind({ number, seq }, after) {
      if (after >= seq) return undefined;
      const last = Math.min(seq, after + MOST_EVENTS);
      const known = kept.get(number);
      if (known?.after === after && known.last === last) return known;
      const page = { message: responseOf(index.events(number, after, last - after)), after, last };
      kept.delete(number);
      kept.set(number, page);
      const [oldest] = kept.keys();
      if (kept.size > MOST_PAGES && oldest !== undefined) kept.delete(oldest);
      return page;
    },
  };
}

function responseOf(events: readonly Uint8Array[]): Buffer {
  const writer = new BinaryWriter();
  for (const event of events) writer.uint32(10).bytes(event); // WatchRunResponse.events
  return Buffer.from(writer.finish());
}
