import { describe, expect, it } from 'vitest';
import { createEventLog, type EventLog } from '../../src/store/event-log.js';

interface Told {
  readonly type: 'step' | 'note';
  readonly number: number;
}

const createLog = (remembered: number): EventLog<Told> =>
  createEventLog<Told>({ replaces: () => false, forgettable: ({ type }) => type === 'step', remembered });

async function all(log: EventLog<Told>): Promise<readonly Told[]> {
  const heard: Told[] = [];
  for await (const event of log.events) heard.push(event);
  return heard;
}

describe('the events of a long run', () => {
  it('are forgotten from the oldest on, but for those that no file holds', async () => {
    const log = createLog(10);
    for (let number = 0; number < 1000; number++) log.push({ type: number % 100 === 0 ? 'note' : 'step', number });
    log.end();
    const heard = await all(log);
    const steps = heard.filter(({ type }) => type === 'step').map(({ number }) => number);
    expect(heard.filter(({ type }) => type === 'note')).toHaveLength(10);
    expect(steps.length).toBeGreaterThanOrEqual(10);
    expect(steps.length).toBeLessThanOrEqual(20);
    expect(steps).toEqual(Array.from({ length: steps.length }, (_, i) => 1000 - steps.length + i));
  });

  it('reach a listener that keeps up, each of them once', async () => {
    const log = createLog(3);
    const heard = all(log);
    for (let number = 0; number < 500; number++) {
      log.push({ type: 'step', number });
      if (number % 2 === 0) await Promise.resolve().then(() => new Promise(setImmediate));
    }
    log.end();
    expect((await heard).map(({ number }) => number)).toEqual(Array.from({ length: 500 }, (_, i) => i));
  });
});
