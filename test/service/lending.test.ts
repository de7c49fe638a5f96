/** Backends that help a run to score: lent when it asks and nobody waits for them, and only for as long. */
import { mkdtempSync, rmSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { startConductor, type Conductor } from '../../src/service/conductor.js';
import { serviceHome, type ServiceHome } from '../../src/service/home.js';
import { openJournal } from '../../src/service/journal/append.js';
import { openLedger, type Ledger } from '../../src/service/ledger.js';
import type { HelpAnswer } from '../../src/service/journal/help.js';
import { divide } from '../../src/service/queue/divide.js';
import { journalLender, lenderOver } from '../../src/service/worker/lender.js';
import type { BackendLender, Loan } from '../../src/runs/scoring-helpers.js';
import { anOrder } from './an-order.js';

// No process: this test writes into the journal what a run's own would.
vi.mock('../../src/service/worker/spawn.js', () => ({
  startWorker: () => ({ pid: -1, ended: new Promise(() => undefined) }),
  findWorker: () => undefined,
  askToStop: () => undefined,
}));

/** What comes through two journals, each of them looked at four times a second where the system tells nothing. */
const soon = (check: () => void): Promise<void> => vi.waitFor(check, { timeout: 10_000 });

let home: ServiceHome;
let ledger: Ledger;
let conductor: Conductor;

beforeEach(async () => {
  home = serviceHome(mkdtempSync(join(tmpdir(), 'mrpo-lending-')));
  ledger = await openLedger(home);
  const backends = ['a:1', 'b:1', 'c:1', 'embedded'].map((address) => ({ address, slots: 1 }));
  const watch = () => ({ isAway: () => false, awayFor: () => 0, noteAway: () => undefined, stop: () => undefined });
  conductor = startConductor({ home, ledger, backends, env: {}, watch });
});
afterEach(async () => {
  await conductor.stop(0);
  ledger.close();
  rmSync(home.path, { recursive: true, force: true });
});

/** Orders a run. @returns the backend that it has been started on. */
async function order(id: string): Promise<string | undefined> {
  await mkdir(home.run(id).path, { recursive: true });
  await ledger.add(home.run(id), anOrder(id), 'ci');
  conductor.tick();
  return backendOf(id);
}
const backendOf = (id: string): string | undefined => ledger.index.find(id)?.view.backend;

interface Scoring {
  /** Addresses that help now. */
  readonly helpers: readonly string[];
  /** Those that are wanted back. */
  readonly recalled: readonly string[];
  giveBack(address: string): void;
  /** Everything is given back, and nothing more wanted. */
  over(): void;
}

/** As somebody with pairs to share asks. */
function scoring(lender: BackendLender, most: number, without: readonly string[] = []): Scoring {
  const loans = new Map<string, Loan>();
  const end = lender.ask(most, without, (lent) => lent.forEach((loan) => loans.set(loan.address, loan)));
  const giveBack = (address: string): void => {
    loans.get(address)?.giveBack?.();
    loans.delete(address);
  };
  return {
    get helpers() {
      return [...loans.keys()];
    },
    get recalled() {
      return [...loans.values()].filter(({ recalled }) => recalled?.aborted).map(({ address }) => address);
    },
    giveBack,
    over() {
      for (const address of [...loans.keys()]) giveBack(address);
      end();
    },
  };
}

/** As the process of a run does. */
function ofRun(id: string, most = 5, without: readonly string[] = []): Scoring {
  const { journal } = home.run(id);
  return scoring(journalLender(openJournal(journal), journal), most, without);
}

/** As a call that scores references does. */
function ofCall(most: number, without: readonly string[] = []): Scoring {
  const service = conductor.lender();
  let onAnswer = (_: HelpAnswer): void => undefined;
  const lender = lenderOver({
    say: (line) => service.hear(line, (answer) => onAnswer(answer)),
    hear(listener) {
      onAnswer = listener;
      return () => undefined;
    },
  });
  return scoring(lender, most, without);
}

const has = (scoring: Scoring, ...helpers: string[]) =>
  soon(() => expect([...scoring.helpers].sort()).toEqual(helpers));

it('ties nothing to a run that has not asked: runs ordered one after the other start side by side', async () => {
  expect([await order('first'), await order('second'), await order('third')]).toEqual(['a:1', 'b:1', 'c:1']);
});

it('lends what is idle when pairs are to be shared, and what is given back to who waits', async () => {
  await order('first');
  await order('second');
  const first = ofRun('first');
  await has(first, 'c:1');
  expect(await order('third')).toBe('embedded');
  expect(first.recalled).toEqual([]);
  first.over();
  await soon(() => expect(conductor.busy()).toEqual(['a:1', 'b:1', 'embedded']));
});

it('asks one back for each run that waits, and starts it when that is given back, not before', async () => {
  await order('first');
  const first = ofRun('first');
  await has(first, 'b:1', 'c:1');
  expect(await order('second')).toBe('embedded');
  expect(await order('third')).toBe('');
  await soon(() => expect(first.recalled).toEqual(['c:1']));
  conductor.tick();
  await sleep(300); // one is enough, and no run starts where somebody is at work
  expect(first.recalled).toEqual(['c:1']);
  expect(backendOf('third')).toBe('');
  first.giveBack('c:1');
  await soon(() => expect(backendOf('third')).toBe('c:1'));
  expect(first.helpers).toEqual(['b:1']);
});

it('lends as many as there is work for, none that cannot help, and none again that has come back unasked', async () => {
  await order('first');
  const one = ofRun('first', 1, ['b:1']);
  await has(one, 'c:1');
  one.giveBack('c:1'); // it has failed
  await sleep(300);
  expect(one.helpers).toEqual([]);
  one.over();
  await has(ofRun('first', 1), 'b:1');
  expect(conductor.busy()).toEqual(['a:1', 'b:1']);
});

it('divides what is idle: who has two more than another gives one back; what becomes idle is lent later', async () => {
  await order('first');
  const first = ofRun('first');
  await has(first, 'b:1', 'c:1');
  const call = ofCall(5);
  await soon(() => expect(first.recalled).toHaveLength(1));
  expect(call.helpers).toEqual([]);
  const [given = ''] = first.recalled;
  first.giveBack(given);
  await has(call, given);
  call.over();
  await has(first, 'b:1', 'c:1'); // it is still at it
});

it('takes back another one for who waits where the one that is coming has gone', () => {
  const help = { most: 5, without: [], helpers: ['b:1', 'c:1'], recalled: ['b:1'] };
  const told = (living: readonly string[]) =>
    divide([{ help, tell: () => undefined }], { idle: [], living, waiting: 1 }).map(({ answer }) => answer);
  expect(told(['a:1', 'b:1', 'c:1'])).toEqual([]);
  expect(told(['a:1', 'c:1'])).toEqual([{ type: 'recall', helpers: ['c:1'] }]);
});

it('lends to a call, and takes back from it, in the same way; a call that waits for a backend counts too', async () => {
  expect(await order('first')).toBe('a:1');
  const call = ofCall(5, ['b:1']);
  await has(call, 'c:1');
  const stop = new AbortController();
  const [two] = await Promise.all([conductor.borrow(2, stop.signal)]);
  expect(two.map(({ backend }) => backend)).toEqual(['b:1', 'embedded']);
  const waiting = conductor.borrow(1, stop.signal);
  await soon(() => expect(call.recalled).toEqual(['c:1']));
  call.giveBack('c:1');
  const [borrowed] = await waiting;
  expect(borrowed?.backend).toBe('c:1');
  const never = conductor.borrow(1, stop.signal);
  stop.abort();
  await expect(never).rejects.toMatchObject({ code: 'aborted' });
  borrowed?.release();
  borrowed?.release(); // counts once
  await has(call, 'c:1'); // once more
  call.over();
  expect(conductor.busy()).toEqual(['a:1', 'b:1', 'embedded']);
});
