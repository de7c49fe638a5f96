/** Watching, without a network: whoever stands at whatever number gets every event behind it once, in order. */
import { mkdtempSync, rmSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { WatchRunResponse } from '../../src/gen/mrpo/runs/v1/runs.js';
import { createEventsHub } from '../../src/service/events-hub.js';
import { serviceHome, type ServiceHome } from '../../src/service/home.js';
import { openJournal } from '../../src/service/journal/append.js';
import { NEW_RUN } from '../../src/service/journal/fold.js';
import { openLedger, type Ledger } from '../../src/service/ledger.js';
import type { Service } from '../../src/service/methods/service.js';
import { watchRun } from '../../src/service/methods/watch-run.js';
import type { Context } from '../../src/service/rpc/guard.js';
import { openRunIndex } from '../../src/service/store/run-index.js';
import { anOrder } from './an-order.js';

let home: ServiceHome;
let ledger: Ledger;
beforeEach(async () => {
  home = serviceHome(mkdtempSync(join(tmpdir(), 'mrpo-watch-')));
  ledger = await openLedger(home);
});
afterEach(() => {
  ledger.close();
  rmSync(home.path, { recursive: true, force: true });
});

async function add(id: string): Promise<void> {
  await mkdir(home.run(id).path, { recursive: true });
  await ledger.add(home.run(id), anOrder(id), 'ci');
}

/** Notes, in one piece; the ledger hears of them once. */
function note(id: string, count: number): void {
  const journal = openJournal(home.run(id).journal);
  for (let i = 0; i < count; i++) journal.append({ type: 'note', message: `note ${i}` });
  journal.close();
  ledger.catchUp(id);
}

async function numbers(id: string, afterSeq: number, signal = new AbortController().signal): Promise<number[]> {
  const seen: number[] = [];
  const request = { runId: id, afterSeq, onlyKept: false };
  for await (const message of watchRun({ ledger } as Service, request, { signal } as Context)) {
    seen.push(...WatchRunResponse.decode(message).events.map(({ seq }) => seq));
  }
  return seen;
}

const fromTo = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, i) => from + i);

describe('watchers', () => {
  it('get every event once, wherever they begin, while events come in bursts; equal ones share what is read', async () => {
    await add('a');
    note('a', 400);
    const read = vi.spyOn(ledger.index, 'events');
    const starts = [0, 0, 127, 128, 129, 399, 400, 401, ...new Array<number>(50).fill(401)];
    const watches = starts.map((start) => numbers('a', start));
    for (const burst of [1, 2, 300, 1]) {
      await sleep(5);
      note('a', burst);
    }
    await sleep(60);
    const late = numbers('a', 500);
    ledger.record('a', { type: 'asked', what: 'cancel', actor: 'ci' });
    const all = await Promise.all([...watches, late]);
    const last = 1 + 400 + 304 + 1;
    expect(all).toEqual([...starts, 500].map((start) => fromTo(start + 1, last)));
    expect(read.mock.calls.length).toBeLessThan(60); // of some 350 pages that they have got
  });

  it('hear that their run was deleted, also when another one of the same id is ordered at once', async () => {
    await add('a');
    const watching = numbers('a', 0);
    const run = ledger.index.find('a');
    if (run === undefined) throw new Error('there is no run');
    const refused = expect(watching).rejects.toMatchObject({ reason: 'run_not_found' });
    await sleep(5);
    const removing = ledger.remove(run);
    await removing;
    await add('a');
    await refused;
    expect(ledger.index.find('a')?.number).not.toBe(run.number);
  });

  it('leave when they are told to', async () => {
    await add('a');
    const gone = new AbortController();
    const watching = numbers('a', 0, gone.signal);
    await sleep(5);
    gone.abort();
    expect(await watching).toEqual([1]);
  });
});

describe('the hub', () => {
  it('wakes at once, rests behind many, and then wakes everyone who has news', async () => {
    const hub = createEventsHub();
    const woken: string[] = [];
    const wait = async (run: string): Promise<void> => {
      await hub.join(run).news();
      woken.push(run);
    };
    const many = Array.from({ length: 200 }, () => wait('a'));
    hub.announce('a');
    await Promise.all(many);
    const waits = [wait('a'), wait('a'), wait('b'), wait('c')];
    for (const run of ['a', 'b', 'a', 'b']) hub.announce(run);
    await Promise.resolve();
    expect(woken).toHaveLength(200); // it rests
    await Promise.all(waits.slice(0, 3));
    expect(woken.slice(200)).toEqual(['a', 'a', 'b']);
    hub.announce('c');
    await waits[3];
  });
});

describe('the index', () => {
  it('gives the same for runs it has at hand and others', () => {
    const index = openRunIndex(':memory:');
    const view = { ...NEW_RUN, state: 'RUNNING' as const, step: 7 };
    const order = anOrder('a');
    for (let i = 0; i < 2100; i++) {
      const run = index.add({ ...order, id: `run-${i}` }, NEW_RUN);
      if (i === 3) index.advance(run, { view, seq: 1, cursor: 10 }, [Buffer.from('x')]);
    }
    expect(index.find('run-3')).toMatchObject({ seq: 1, cursor: 10, view });
    expect(index.inStates(['RUNNING']).map((run) => run.order.id)).toEqual(['run-3']);
    const page = index.list({}, 3, undefined);
    expect(page.runs.map((run) => run.order.id)).toEqual(['run-2099', 'run-2098', 'run-2097']);
    expect(index.list({}, 3, page.next).runs[0]?.order.id).toBe('run-2096');
    expect(page.total).toBe(2100);
    index.close();
  });
});
