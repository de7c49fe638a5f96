/** Progress of long work, seldom enough to be kept for ever: the first, the last, and a few in between. */
import type { RunEvent } from '../../store/events.js';

const EVERY_MS = 1000;

/** The same events without progress that comes too often. */
export async function* thinProgress(events: AsyncIterable<RunEvent>): AsyncGenerator<RunEvent> {
  let last: { readonly what: string; readonly at: number } | undefined;
  for await (const event of events) {
    if (event.type === 'progress') {
      const what = `${event.work} ${event.what}`;
      const now = performance.now();
      const isLast = event.total > 0 && event.done >= event.total;
      if (!isLast && last?.what === what && now - last.at < EVERY_MS) continue;
      last = { what, at: now };
    }
    yield event;
  }
}
