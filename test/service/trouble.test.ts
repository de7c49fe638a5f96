/** What fails around the queue: full disks, folders removed by hand, processes that cannot be signalled. */
import { spawn as startProcess, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, onTestFinished, vi, type Mock } from 'vitest';
import { thisProcess } from '../../src/core/process-owner.js';
import { startConductor, type Conductor } from '../../src/service/conductor.js';
import { serviceHome, type ServiceHome } from '../../src/service/home.js';
import { appendLine } from '../../src/service/journal/append.js';
import { NEW_RUN } from '../../src/service/journal/fold.js';
import type { JournalLine } from '../../src/service/journal/line.js';
import { readLines } from '../../src/service/journal/read.js';
import { openLedger, type Ledger } from '../../src/service/ledger.js';
import type { IndexedRun } from '../../src/service/store/run-index.js';
import { ALREADY_AT_WORK, BACKEND_AWAY } from '../../src/service/worker/exit-codes.js';
import * as spawn from '../../src/service/worker/spawn.js';
import { runFolder } from '../../src/store/run-folder.js';
import { lockRun } from '../../src/store/run-lock.js';
import { anOrder } from './an-order.js';

const workers: { readonly id: string; readonly end: (code: number | undefined) => void }[] = [];
const signalled: string[] = [];

// No process is started: what becomes of one is said by the test. Those of others are looked for in earnest.
vi.mock('../../src/service/worker/spawn.js', async (original) => ({
  ...(await original<typeof spawn>()),
  startWorker: ({ id }: { id: string }) => ({
    id,
    pid: undefined,
    ended: new Promise<number | undefined>((end) => workers.push({ id, end })),
  }),
  askToStop: (process: { id?: string; pid: number | undefined }) =>
    void signalled.push(process.id ?? String(process.pid)),
}));

let home: ServiceHome;
let ledger: Ledger;
let conductor: Conductor | undefined;
const troubles: string[] = [];

beforeEach(async () => {
  for (const list of [workers, signalled, troubles]) list.length = 0;
  home = serviceHome(mkdtempSync(join(tmpdir(), 'mrpo-trouble-')));
  mkdirSync(home.runs);
  ledger = await openLedger(home);
});
afterEach(async () => {
  await conductor?.stop(0);
  conductor = undefined;
  ledger.close();
  rmSync(home.path, { recursive: true, force: true });
});

/** @returns what hears of backends that could not be reached. */
function start(slots = 1, isAway = (): boolean => false): Mock {
  const noteAway = vi.fn();
  const watch = () => ({ isAway, awayFor: () => 0, noteAway, stop: () => undefined });
  conductor = startConductor({
    ...{ home, ledger, env: {}, watch, times: { tryAgainMs: 50 } },
    backends: [{ address: 'a:1', slots }],
    onTrouble: ({ message }) => void troubles.push(message),
  });
  return noteAway;
}

async function order(id: string): Promise<void> {
  mkdirSync(home.run(id).path, { recursive: true });
  await ledger.add(home.run(id), anOrder(id), 'ci');
  conductor?.tick();
}
const view = (id: string) => ledger.catchUp(id)?.view;

it('a run whose folder was removed by hand is none any more, and holds up no other', async () => {
  start();
  await order('first');
  for (const id of ['second', 'third']) await order(id);
  rmSync(home.run('first').path, { recursive: true });
  rmSync(home.run('second').path, { recursive: true });
  workers[0]?.end(1);
  await vi.waitFor(() => expect(workers.map(({ id }) => id)).toEqual(['first', 'third']));
  expect(ledger.index.ids()).toEqual(['third']);
  expect(troubles).toEqual([]);
});

it('what cannot be written now is tried again, and the service lives', async () => {
  start(2);
  await order('first');
  await order('second');
  const { journal } = home.run('first');
  rmSync(journal);
  mkdirSync(journal); // for everybody, root too, a file that cannot be written
  workers[0]?.end(1);
  await vi.waitFor(() => expect(troubles.length).toBeGreaterThan(1));
  workers[1]?.end(1);
  await vi.waitFor(() => expect(workers.map(({ id }) => id)).toEqual(['first', 'second', 'second']));
  rmSync(journal, { recursive: true });
  ledger.index.forget(ledger.index.find('first') as IndexedRun, NEW_RUN); // as a service does that comes back
  appendLine(journal, { type: 'attempt', attempt: 1, backend: 'a:1' });
  await vi.waitFor(() => expect(workers.at(-1)?.id).toBe('first'));
  expect(view('first')).toMatchObject({ state: 'PREPARING', attempt: 2, lostInARow: 1 });
});

it('a run that cannot reach its backend waits for one, however often', async () => {
  const avoided = start();
  await order('first');
  for (let times = 1; times <= 5; times++) {
    await vi.waitFor(() => expect(workers).toHaveLength(times));
    workers.at(-1)?.end(BACKEND_AWAY);
  }
  await vi.waitFor(() => expect(workers).toHaveLength(6));
  expect(view('first')).toMatchObject({ state: 'PREPARING', attempt: 6 });
  expect(avoided).toHaveBeenCalledTimes(5);
});

it('a run that waits while no backend answers says so, once', async () => {
  let isAway = true;
  start(1, () => isAway);
  await order('first');
  await order('second');
  const notes = (id: string) => readLines(home.run(id).journal, 0).lines.filter(({ type }) => type === 'note');
  const note = expect.objectContaining({ message: 'waits: no backend answers (a:1)' }) as unknown;
  for (const id of ['first', 'second']) expect(notes(id)).toEqual([note]);
  expect(troubles).toEqual(['no backend answers (a:1)']);
  expect(conductor?.whyNoneStarts()).toBe('no backend answers (a:1)');
  isAway = false;
  conductor?.tick();
  expect(workers.map(({ id }) => id)).toEqual(['first']);
  expect(conductor?.whyNoneStarts()).toBeUndefined();
});

it('a process of an attempt before, which the queue counts on another backend, is asked to stop and followed', async () => {
  start();
  await order('first');
  const before = startProcess('sleep', ['60'], { stdio: 'ignore' });
  onTestFinished(() => void before.kill('SIGKILL'));
  const started = readFileSync(`/proc/${before.pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ')[19];
  const owner = { ...thisProcess(), process: before.pid, started };
  writeFileSync(join(home.run('first').path, '.lock'), JSON.stringify(owner));
  workers[0]?.end(ALREADY_AT_WORK);
  await vi.waitFor(() => expect(signalled).toEqual([String(before.pid)]));
  expect(view('first')).toMatchObject({ working: true, attempt: 1 });
  before.kill('SIGKILL');
  await vi.waitFor(() => expect(view('first')).toMatchObject({ working: true, attempt: 2 }));
});

it('a run whose backend breaks off in its hands, again and again, ends, and the backend is not avoided for it', async () => {
  const avoided = start();
  await order('first');
  for (let times = 1; times <= 3; times++) {
    await vi.waitFor(() => expect(workers).toHaveLength(times));
    appendLine(home.run('first').journal, { type: 'stage', stage: 'load' });
    workers.at(-1)?.end(BACKEND_AWAY);
  }
  await vi.waitFor(() => expect(view('first')).toMatchObject({ state: 'FAILED', failure: { retryable: true } }));
  expect(view('first')?.reason).toMatch(/broke off in the middle.*3 times in a row/);
  expect(avoided).not.toHaveBeenCalled();
});

it('asks again what a service that was killed may not have passed on, and never a process of another container', async () => {
  for (const id of ['here', 'elsewhere', 'gone']) {
    await order(id);
    appendLine(home.run(id).journal, { type: 'attempt', attempt: 1, backend: 'a:1' });
    appendLine(home.run(id).journal, { type: 'asked', what: 'pause', actor: 'ci' });
    ledger.catchUp(id);
  }
  const lock = (id: string): string => join(home.run(id).path, '.lock');
  writeFileSync(lock('here'), JSON.stringify(thisProcess()));
  writeFileSync(lock('elsewhere'), JSON.stringify({ ...thisProcess(), namespace: 'another' }));
  start();
  expect(signalled).toEqual([String(process.pid), 'undefined']); // which is nobody: see endAtOnce
  spawn.endAtOnce({ pid: undefined, ended: Promise.resolve(undefined) });
  expect(view('gone')).toMatchObject({ state: 'PAUSED', lostInARow: 0 });
  expect(view('elsewhere')).toMatchObject({ working: true });
  rmSync(lock('elsewhere'));
  await vi.waitFor(() => expect(view('elsewhere')).toMatchObject({ state: 'PAUSED' }));
  rmSync(lock('here'));
});

it('a folder has one service; of one whose container has crashed the lock counts for two minutes', async () => {
  const folder = runFolder(home.path);
  const lock = await lockRun(folder);
  await expect(lockRun(folder)).rejects.toMatchObject({ code: 'usage' });
  await lock.release();
  const path = join(home.path, '.lock');
  writeFileSync(path, JSON.stringify({ ...thisProcess(), namespace: 'another', lock: 'x' }));
  await expect(lockRun(folder)).rejects.toMatchObject({ code: 'usage' });
  const before = new Date(Date.now() - 150_000);
  utimesSync(path, before, before);
  await (await lockRun(folder)).release();
});

it('a line that a full disk has cut costs no other line', () => {
  const folder = mkdtempSync(join(tmpdir(), 'mrpo-full-'));
  const journal = join(folder, 'journal.jsonl');
  // A limit on the size of files is a disk that is full in the middle of a line.
  const program = `
    import { openJournal } from ${JSON.stringify(new URL('../../src/service/journal/append.ts', import.meta.url).href)};
    import { truncateSync } from 'node:fs';
    const journal = openJournal(${JSON.stringify(journal)});
    journal.append({ type: 'note', message: 'first' });
    try {
      journal.append({ type: 'note', message: 'x'.repeat(4000) });
    } catch (thrown) {
      console.log(thrown.code);
      truncateSync(${JSON.stringify(journal)}, 900);
    }
    journal.append({ type: 'note', message: 'last' });
  `;
  const argv = ['-c', 'trap \'\' XFSZ; ulimit -f 2; exec "$@"', 'sh', process.execPath, '--import', 'tsx'];
  const { stdout, stderr } = spawnSync('/bin/sh', [...argv, '--input-type=module', '-e', program], {
    encoding: 'utf8',
  });
  expect({ stdout, stderr }).toEqual({ stdout: 'EFBIG\n', stderr: '' });
  const notes = readLines(journal, 0).lines.map((line: JournalLine) => 'message' in line && line.message);
  expect(notes).toEqual(['first', 'last']);
  rmSync(folder, { recursive: true });
});
