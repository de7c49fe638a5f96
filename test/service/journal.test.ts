/** The state of a run is a fold over its journal; the index follows the journal, whatever was lost on the way. */
import { appendFileSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Event } from '../../src/gen/mrpo/runs/v1/runs.js';
import { serviceHome, type ServiceHome } from '../../src/service/home.js';
import { appendLine, openJournal } from '../../src/service/journal/append.js';
import { fold, isWaiting, NEW_RUN, type RunView } from '../../src/service/journal/fold.js';
import type { NewLine } from '../../src/service/journal/line.js';
import { openLedger, type Ledger } from '../../src/service/ledger.js';
import { anOrder } from './an-order.js';

const after = (...lines: NewLine[]): RunView =>
  lines.reduce((view, line, i) => fold(view, { at: 1000 + i, ...line }), NEW_RUN);

const ORDERED: NewLine = { type: 'ordered', actor: 'ci' };
const ATTEMPT: NewLine = { type: 'attempt', attempt: 1, backend: 'embedded' };
const TRAIN: NewLine = { type: 'stage', stage: 'train' };
const STOPPED: NewLine = { type: 'ended', outcome: 'stopped' };
const asked = (what: 'pause' | 'cancel' | 'suspend'): NewLine => ({ type: 'asked', what, actor: 'ci' });
const step = (number: number): NewLine => ({
  type: 'step',
  step: number,
  totalSteps: 9,
  epoch: 0.1,
  measures: { loss: 0.5 },
  learningRate: 1e-3,
  gradNorm: 1,
  skipped: false,
  pairs: 2,
  tokens: 20,
  microBatches: 1,
  seconds: 0.1,
  deviceSeconds: 0.5,
  peakMemoryBytes: 1,
  etaSeconds: 1,
});

describe('the state of a run', () => {
  it('is not changed by a line of a later release', () => {
    const later = { type: 'teleported', where: 'b:1' } as unknown as NewLine;
    expect(after(ORDERED, ATTEMPT, later)).toEqual(after(ORDERED, ATTEMPT));
  });
  it('has the backends that it has asked for until nothing more is asked of them, or it stops', () => {
    const wanted: NewLine = { type: 'help-wanted', most: 2, without: [] };
    const lent: NewLine = { type: 'lent', helpers: ['b:1', 'c:1'] };
    const over: NewLine = { type: 'help-over' };
    const [recall, back] = (['recall', 'returned'] as const).map((type) => ({ type, helpers: ['b:1'] })) as NewLine[];
    expect(after(ORDERED, ATTEMPT, wanted).help).toEqual({ most: 2, without: [], helpers: [], recalled: [] });
    expect(after(ORDERED, ATTEMPT, wanted, lent).help).toMatchObject({ helpers: ['b:1', 'c:1'], recalled: [] });
    expect(after(ORDERED, ATTEMPT, wanted, lent, recall as NewLine).help).toMatchObject({ recalled: ['b:1'] });
    const left = { helpers: ['c:1'], recalled: [], without: [] };
    expect(after(ORDERED, ATTEMPT, wanted, lent, recall as NewLine, back as NewLine).help).toMatchObject(left);
    // Unasked: it cannot help.
    expect(after(ORDERED, ATTEMPT, wanted, lent, back as NewLine).help).toMatchObject({ ...left, without: ['b:1'] });
    expect(after(ORDERED, ATTEMPT, wanted, lent, over).help).toBeUndefined();
    expect(after(ORDERED, ATTEMPT, wanted, over, lent).help).toBeUndefined(); // an answer that comes too late
    for (const end of [STOPPED, { type: 'lost', reason: 'killed', away: false } as const]) {
      expect(after(ORDERED, ATTEMPT, wanted, lent, end).help).toBeUndefined();
      expect(after(ORDERED, ATTEMPT, wanted, end, ATTEMPT, lent).help).toBeUndefined();
    }
  });
  it.each([
    ['PENDING', [ORDERED]],
    ['PREPARING', [ORDERED, ATTEMPT, { type: 'stage', stage: 'data' }]],
    ['RUNNING', [ORDERED, ATTEMPT, TRAIN, step(1), { type: 'stage', stage: 'export' }]],
    ['SUCCEEDED', [ORDERED, ATTEMPT, TRAIN, { type: 'ended', outcome: 'succeeded' }]],
    ['PAUSED', [ORDERED, asked('pause')]],
    ['PAUSED', [ORDERED, ATTEMPT, TRAIN, asked('pause'), STOPPED]],
    ['PENDING', [ORDERED, asked('pause'), { type: 'resumed-by', actor: 'ci' }]],
    ['CANCELLED', [ORDERED, asked('cancel')]],
    ['CANCELLING', [ORDERED, ATTEMPT, asked('cancel'), TRAIN, step(1)]],
    ['CANCELLED', [ORDERED, ATTEMPT, asked('cancel'), asked('suspend'), STOPPED]],
    ['CANCELLED', [ORDERED, ATTEMPT, asked('cancel'), { type: 'lost', reason: 'killed', away: false }]],
    ['RECOVERING', [ORDERED, ATTEMPT, asked('suspend'), STOPPED]],
    ['RECOVERING', [ORDERED, ATTEMPT, TRAIN, { type: 'recovery', reason: 'died', pauseSeconds: 1 }]],
    ['RECOVERING', [ORDERED, ATTEMPT, { type: 'lost', reason: 'killed', away: true }]],
    ['SUCCEEDED', [ORDERED, ATTEMPT, asked('cancel'), { type: 'ended', outcome: 'succeeded' }]],
    ['CANCELLED', [ORDERED, ATTEMPT, { type: 'ended', outcome: 'cancelled', reason: 'max_seconds' }]],
  ] as [string, NewLine[]][])('is %s', (state, lines) => {
    expect(after(...lines).state).toBe(state);
  });

  it('waits for a backend only when nobody works on it', () => {
    expect(isWaiting(after(ORDERED))).toBe(true);
    expect(isWaiting(after(ORDERED, ATTEMPT, STOPPED))).toBe(true);
    expect(isWaiting(after(ORDERED, ATTEMPT, { type: 'recovery', reason: '', pauseSeconds: 1 }))).toBe(false);
  });

  it('counts losses in a row, but not those while the service was away, and none behind a step gained', () => {
    const lost = (away: boolean): NewLine => ({ type: 'lost', reason: 'x', away });
    expect(after(ORDERED, ATTEMPT, lost(false), ATTEMPT, lost(false)).lostInARow).toBe(2);
    expect(after(ORDERED, ATTEMPT, lost(true), ATTEMPT, lost(true)).lostInARow).toBe(0);
    expect(after(ORDERED, ATTEMPT, lost(false), ATTEMPT, lost(false), ATTEMPT, step(3), lost(false)).lostInARow).toBe(
      1,
    );
    expect(after(ORDERED, ATTEMPT, step(3), lost(false), ATTEMPT, step(3), lost(false)).lostInARow).toBe(2);
  });
});

describe('the ledger', () => {
  let folder: string;
  let home: ServiceHome;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'mrpo-ledger-'));
    home = serviceHome(folder);
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const add = async (ledger: Ledger, id: string): Promise<void> => {
    await mkdir(home.run(id).path, { recursive: true });
    await ledger.add(home.run(id), anOrder(id), 'ci');
  };
  const events = (ledger: Ledger, id: string): Event[] => {
    const { number } = ledger.index.find(id) ?? { number: -1 };
    return ledger.index.events(number, 0, 10_000).map((bytes) => Event.decode(bytes));
  };

  it('gives the same states and events when the index is made anew', async () => {
    const first = await openLedger(home);
    for (const id of ['a', 'b']) await add(first, id);
    const journal = openJournal(home.run('a').journal);
    for (const line of [ATTEMPT, TRAIN, step(1), step(2)]) journal.append(line);
    journal.close();
    first.catchUp('a');
    const before = ['a', 'b'].map((id) => [first.index.find(id), events(first, id)]);
    first.close();
    rmSync(home.index);
    for (const rest of ['-wal', '-shm']) rmSync(`${home.index}${rest}`, { force: true });
    const second = await openLedger(home);
    expect(['a', 'b'].map((id) => [second.index.find(id), events(second, id)])).toEqual(before);
    expect(second.index.list({ labels: { team: 'x' } }, 1, undefined)).toMatchObject({ total: 2, next: 2 });
    second.close();
  });

  it('leaves out a line that a power cut has torn, and what is written next is whole', async () => {
    const ledger = await openLedger(home);
    await add(ledger, 'a');
    appendFileSync(home.run('a').journal, '{"at":5,"type":"no');
    expect(ledger.catchUp('a')?.seq).toBe(1);
    appendLine(home.run('a').journal, ATTEMPT);
    expect(ledger.catchUp('a')).toMatchObject({ seq: 2, view: { state: 'PREPARING' } });
    expect(events(ledger, 'a').map(({ seq }) => seq)).toEqual([1, 2]);
    ledger.close();
  });

  it('believes the journal where the index knows more', async () => {
    const ledger = await openLedger(home);
    await add(ledger, 'a');
    const { size } = { size: readFileSync(home.run('a').journal).length };
    ledger.record('a', ATTEMPT);
    ledger.close();
    truncateSync(home.run('a').journal, size);
    const again = await openLedger(home);
    expect(again.index.find('a')).toMatchObject({ seq: 1, view: { state: 'PENDING' } });
    expect(events(again, 'a')).toHaveLength(1);
    again.close();
  });

  it('finishes an order whose first line was not written, and forgets a run whose folder is gone', async () => {
    await mkdir(home.run('a').path, { recursive: true });
    writeFileSync(home.run('a').order, JSON.stringify(anOrder('a')));
    const ledger = await openLedger(home);
    expect(ledger.index.find('a')).toMatchObject({ seq: 1, view: { state: 'PENDING' } });
    ledger.close();
    rmSync(home.run('a').path, { recursive: true });
    const again = await openLedger(home);
    expect(again.index.ids()).toEqual([]);
    again.close();
  });

  it('refuses a database of another program', async () => {
    writeFileSync(home.index, 'not a database at all, but long enough to be taken for one'.repeat(40));
    await expect(openLedger(home)).rejects.toThrow(/index of runs/);
  });
});
