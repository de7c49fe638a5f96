/** Journals and index together: what is written to the one is read into the other, once, in order. */
import { existsSync, statSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { Event } from '../gen/mrpo/runs/v1/runs.js';
import { createEventPages, type EventPages } from './event-pages.js';
import { createEventsHub, type EventsHub } from './events-hub.js';
import { isRunId, type RunHome, type ServiceHome } from './home.js';
import { appendLine } from './journal/append.js';
import { fold, NEW_RUN, type RunView } from './journal/fold.js';
import type { NewLine } from './journal/line.js';
import { readLines } from './journal/read.js';
import { readOrder, writeOrder, type Order } from './order.js';
import { eventOf } from './protocol/event-message.js';
import { openRunIndex, type IndexedRun, type RunIndex } from './store/run-index.js';

/** The runs as the service knows them. */
export interface Ledger {
  readonly index: RunIndex;
  readonly hub: EventsHub;
  readonly pages: EventPages;
  /** Keeps a new order. @returns undefined if the id is taken. */
  add(home: RunHome, order: Order, actor: string): Promise<IndexedRun | undefined>;
  /** Writes a line of the service and reads the journal up to it. @returns undefined for a run whose folder is gone. */
  record(id: string, line: NewLine): IndexedRun | undefined;
  /** Reads what is new in the journal of a run. */
  catchUp(id: string): IndexedRun | undefined;
  /** Removes a run with its folder. */
  remove(run: IndexedRun): Promise<void>;
  close(): void;
}

/** Opens the index and brings it up to date with the folders: what either has lost, the other one gives. */
export async function openLedger(home: ServiceHome): Promise<Ledger> {
  const index = openRunIndex(home.index);
  const hub = createEventsHub();
  const catchUp = (id: string): IndexedRun | undefined => {
    const known = index.find(id);
    if (known === undefined) return undefined;
    let [run, more] = [known, true];
    while (more) ({ read: run, more } = readInto(index, home.run(id), run));
    if (run.seq > known.seq) hub.announce(id);
    return run;
  };
  const ledger: Ledger = {
    index,
    hub,
    pages: createEventPages(index),
    catchUp,
    async add(runHome, order, actor) {
      if (!(await writeOrder(runHome, order))) return undefined;
      index.add(order, newRun(order));
      return ledger.record(order.id, { type: 'ordered', actor });
    },
    record(id, line) {
      try {
        appendLine(home.run(id).journal, line);
      } catch (thrown) {
        if (!wasRemoved(home, id)) throw thrown;
        const run = index.find(id);
        if (run !== undefined) index.remove(run);
        hub.announce(id);
        return undefined;
      }
      return catchUp(id);
    },
    async remove(run) {
      const { id } = run.order;
      // The order goes first: a folder without one is no run, whoever is killed now.
      await rm(home.run(id).order, { force: true });
      index.remove(run);
      hub.announce(id);
      await rm(home.run(id).path, { recursive: true, force: true });
    },
    close: () => index.close(),
  };
  await reconcile(home, ledger);
  return ledger;
}

function readInto(
  index: RunIndex,
  home: RunHome,
  run: IndexedRun,
): { readonly read: IndexedRun; readonly more: boolean } {
  const { lines, cursor, more } = readLines(home.journal, run.cursor);
  if (cursor === run.cursor) return { read: run, more: false };
  let { view, seq } = run;
  const events = lines.map((line) => {
    const before = view;
    view = fold(view, line);
    return Event.encode(eventOf((seq += 1), line, before, view)).finish();
  });
  return { read: index.advance(run, { view, seq, cursor }, events), more };
}

async function reconcile(home: ServiceHome, ledger: Ledger): Promise<void> {
  const names = (await readdir(home.runs).catch(() => [])).filter(isRunId);
  const orders = await Promise.all(names.map((id) => readOrder(home.run(id)).catch(() => undefined)));
  const there = new Set(orders.flatMap((order) => (order === undefined ? [] : [order.id])));
  for (const id of ledger.index.ids()) {
    const run = ledger.index.find(id);
    if (run !== undefined && !there.has(id)) ledger.index.remove(run);
  }
  const missing = orders.filter((order) => order !== undefined).filter(({ id }) => ledger.index.find(id) === undefined);
  for (const order of missing.sort((a, b) => a.createdAt - b.createdAt)) ledger.index.add(order, newRun(order));
  for (const order of orders) {
    if (order === undefined) continue;
    const known = ledger.index.find(order.id);
    // A power cut may have taken lines that were indexed already: the journal counts.
    if (known !== undefined && known.cursor > sizeOf(home.run(order.id))) ledger.index.forget(known, newRun(order));
    const run = ledger.catchUp(order.id);
    // Killed between the order and its first line.
    if (run?.seq === 0) ledger.record(order.id, { type: 'ordered', actor: order.createdBy });
  }
}

/** By somebody's hand: its folder, and not the disk with all of them. */
const wasRemoved = (home: ServiceHome, id: string): boolean =>
  existsSync(home.runs) && !existsSync(home.run(id).order) && !existsSync(home.run(id).journal);

const newRun = (order: Order): RunView => ({ ...NEW_RUN, createdAt: order.createdAt });

const sizeOf = ({ journal }: RunHome): number => statSync(journal, { throwIfNoEntry: false })?.size ?? 0;
