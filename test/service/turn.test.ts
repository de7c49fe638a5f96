/** Whose turn it is, and where. */
import { describe, expect, it } from 'vitest';
import { freeBackend, idleBackends, parseBackend } from '../../src/service/queue/slots.js';
import { inTurn, type Waiting } from '../../src/service/queue/turn.js';

const run = (number: number, tenant: string, more: Partial<Waiting> = {}): Waiting => ({
  id: `${tenant}${number}`,
  number,
  priority: 0,
  tenant,
  recovering: false,
  ...more,
});
const ids = (waiting: Waiting[], atWork: Record<string, number> = {}): string[] =>
  inTurn(waiting, atWork).map(({ id }) => id);

describe('the queue', () => {
  it('takes tenants in turn, however many runs one has ordered first', () => {
    expect(ids([run(1, 'a'), run(2, 'a'), run(3, 'a'), run(4, 'b'), run(5, 'b')])).toEqual([
      'a1',
      'b4',
      'a2',
      'b5',
      'a3',
    ]);
  });
  it('counts what is at work', () => {
    expect(ids([run(1, 'a'), run(2, 'b')], { a: 1 })).toEqual(['b2', 'a1']);
  });
  it('takes a higher priority first, and of a tenant what had begun', () => {
    expect(ids([run(1, 'a'), run(2, 'b', { priority: 5 }), run(3, 'a', { recovering: true })])).toEqual([
      'b2',
      'a3',
      'a1',
    ]);
  });
});

describe('slots', () => {
  it('lends what runs elsewhere and does nothing, whole', () => {
    const backends = ['embedded*2', 'a:1*2', 'b:1', 'c:1'].map(parseBackend);
    expect(idleBackends(backends, [])).toEqual(['a:1', 'b:1', 'c:1']);
    expect(idleBackends(backends, ['a:1', 'c:1', 'embedded'])).toEqual(['b:1']);
  });
  it('gives the backend with most room', () => {
    const backends = [parseBackend('embedded'), parseBackend('unix:/tmp/b*3')];
    expect(freeBackend(backends, [])).toBe('unix:/tmp/b');
    expect(freeBackend(backends, ['unix:/tmp/b', 'unix:/tmp/b', 'unix:/tmp/b'])).toBe('embedded');
    expect(freeBackend(backends, ['embedded', 'unix:/tmp/b', 'unix:/tmp/b', 'unix:/tmp/b'])).toBeUndefined();
  });
  it('refuses what is no address', () => {
    expect(() => parseBackend('nonsense')).toThrow(/expected unix:\/path or host:port/);
    expect(() => parseBackend('embedded*0')).toThrow(/at least one slot/);
  });
});
