/** Who is woken, when, and what may run in between. */
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { createEventsHub } from '../../src/service/events-hub.js';

describe('the events hub', () => {
  it('wakes many in groups, between which others have their turn', async () => {
    const hub = createEventsHub();
    let woken = 0;
    const all = Promise.all(
      Array.from({ length: 100 }, () =>
        hub
          .join('run-1')
          .news()
          .then(() => (woken += 1)),
      ),
    );
    const others = Promise.all([
      hub
        .join('run-2')
        .news()
        .then(() => (woken += 1000)),
    ]);
    hub.announce('run-1');
    await Promise.resolve();
    const seen = [woken];
    while (woken < 100) {
      await turn();
      seen.push(woken);
    }
    await all;
    expect(seen.length).toBeGreaterThanOrEqual(4);
    expect(Math.max(...seen.map((count, i) => count - (seen[i - 1] ?? 0)))).toBeLessThanOrEqual(32);
    hub.announce('run-2');
    await others;
    expect(woken).toBe(1100);
  });

  it('lets go who no longer wants to wait', async () => {
    const hub = createEventsHub();
    const waiter = hub.join('run-1');
    const waiting = waiter.news();
    waiter.leave();
    await waiting;
    await waiter.news(); // it has left for good
    hub.announce('run-1'); // nobody is there
  });
});
