/** Backends that help a run to score: lent when it asks and nobody waits for them, and only for as long. */
import { mkdtempSync, rmSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { startConductor, type Conductor } from '../../src/service/conductor.js';
import { serviceHome, type ServiceHome } from '../../src/service/home.js';
import { openJournal } from '../../src/service/journal/append.js';
import { openLedger, type Ledger } from '../../src/service/ledger.js';
import { lenderOf } from '../../src/service/methods/tasks.js';
import { journalLender } from '../../src/service/worker/lender.js';
import { anOrder } from './an-order.js';

// No process: this test writes into the journal what a run's own would.
vi.mock('../../src/service/worker/spawn.js', () => ({
  startWorker: () => ({ pid: -1, ended: new Promise(() => undefined) }),
  findWorker: () => undefined,
  askToStop: () => undefined,
}));

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

/** As the process of a run asks. */
function askerOf(id: string, signal = new AbortController().signal) {
  const { journal } = home.run(id);
  return journalLender(openJournal(journal), journal, signal);
}

it('ties nothing to a run that has not asked: runs ordered one after the other start side by side', async () => {
  expect([await order('first'), await order('second'), await order('third')]).toEqual(['a:1', 'b:1', 'c:1']);
});

it('lends what is idle when pairs are to be shared, and starts a run there when that is over', async () => {
  await order('first');
  await order('second');
  const lender = askerOf('first');
  expect(await lender.lend(5, [])).toEqual(['c:1']);
  expect(await askerOf('second').lend(5, [])).toEqual([]); // an answer, and not the silence of seconds
  expect(await order('third')).toBe('embedded');
  expect(await order('fourth')).toBe('');
  lender.giveBack();
  await vi.waitFor(() => expect(backendOf('fourth')).toBe('c:1'));
});

it('lends as many as there is work for, and none that cannot help', async () => {
  await order('first');
  const lender = askerOf('first');
  expect(await lender.lend(1, ['b:1'])).toEqual(['c:1']);
  lender.giveBack();
  expect(await lender.lend(1, [])).toEqual(['b:1']);
  expect(conductor.busy()).toEqual(['a:1', 'b:1']);
});

it('is asked in vain for a run that stops meanwhile', async () => {
  await order('first');
  const stop = new AbortController();
  await conductor.stop(0); // nobody answers
  const lent = askerOf('first', stop.signal).lend(1, []);
  stop.abort();
  expect(await lent).toEqual([]);
  expect(ledger.catchUp('first')?.view).toMatchObject({ helpers: undefined, helpWanted: undefined });
});

it('lends to a call that scores references in the same way', async () => {
  const lender = lenderOf({ conductor });
  expect(await order('first')).toBe('a:1');
  expect(lender.lend(5, ['b:1'])).toEqual(['c:1']);
  expect(await order('second')).toBe('b:1');
  expect(await order('third')).toBe('embedded');
  expect(await order('fourth')).toBe('');
  lender.giveBack();
  lender.giveBack(); // at the end of the call once more
  expect(backendOf('fourth')).toBe('c:1');
});
