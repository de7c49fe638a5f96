/** The index: what the journals gave so far, ready to be asked for. Its only writer is this process. */
import { MrpoError } from '../../core/errors.js';
import { inTransaction, type SqliteDatabase } from '../../core/sqlite.js';
import type { RunView } from '../journal/fold.js';
import type { RunState } from '../journal/line.js';
import type { Order } from '../order.js';
import { eventId, openIndex } from './database.js';
import { filterOf, type RunFilter } from './filter.js';

/** One run as the index has it. */
export interface IndexedRun {
  /** In order of creation. */
  readonly number: number;
  readonly order: Order;
  readonly view: RunView;
  /** Of the newest event. */
  readonly seq: number;
  /** How far the journal is indexed, in bytes. */
  readonly cursor: number;
}

/** A page of a list. */
export interface RunPage {
  readonly runs: readonly IndexedRun[];
  /** Runs that match in all. */
  readonly total: number;
  /** Number of the last one, if there are more. */
  readonly next: number | undefined;
}

/** The index of all runs. Calls are synchronous. */
export interface RunIndex {
  /** A run that the index does not know yet. */
  add(order: Order, view: RunView): IndexedRun;
  find(id: string): IndexedRun | undefined;
  ids(): readonly string[];
  /** Runs in any of these states, oldest first. */
  inStates(states: readonly RunState[]): readonly IndexedRun[];
  /** Newest first, from before number `before`. */
  list(filter: RunFilter, limit: number, before: number | undefined): RunPage;
  /** How many runs of a tenant are in a state. */
  count(state: RunState, tenant?: string): number;
  /** What more of the journal gave, whole or not at all. */
  advance(run: IndexedRun, to: Pick<IndexedRun, 'view' | 'seq' | 'cursor'>, events: readonly Uint8Array[]): IndexedRun;
  /** Encoded events behind `afterSeq`, in order. */
  events(run: number, afterSeq: number, limit: number): readonly Buffer[];
  /** What the journal gave so far is to be read again. */
  forget(run: IndexedRun, view: RunView): void;
  remove(run: IndexedRun): void;
  close(): void;
}

/** Runs that are kept at hand, those last asked for or changed: what happens to them is not read back for every event. */
const MOST_AT_HAND = 2000;

interface RunRow {
  readonly number: number;
  readonly order_json: string;
  readonly view_json: string;
  readonly seq: number;
  readonly cursor: number;
}

const COLUMNS = 'number, order_json, view_json, seq, cursor';

/** Opens the index file, or makes it. */
export function openRunIndex(path: string): RunIndex {
  const database = openIndex(path);
  const insertEvent = database.prepare('INSERT INTO events (id, message) VALUES (?, ?)');
  const update = database.prepare('UPDATE runs SET state = ?, view_json = ?, seq = ?, cursor = ? WHERE number = ?');
  const byId = database.prepare(`SELECT ${COLUMNS} FROM runs WHERE id = ?`);
  const eventsAfter = database.prepare('SELECT message FROM events WHERE id > ? AND id < ? ORDER BY id LIMIT ?');
  const removeEvents = database.prepare('DELETE FROM events WHERE id > ? AND id < ?');
  const atHand = new Map<string, IndexedRun>();
  const keep = (run: IndexedRun): IndexedRun => {
    const { id } = run.order;
    atHand.delete(id);
    atHand.set(id, run);
    const [oldest] = atHand.keys();
    if (atHand.size > MOST_AT_HAND && oldest !== undefined) atHand.delete(oldest);
    return run;
  };
  const find = (id: string): IndexedRun | undefined => {
    const known = atHand.get(id);
    if (known !== undefined) return keep(known);
    const row = byId.get(id) as RunRow | undefined;
    return row && keep(runOf(row));
  };
  const findAll = (query: string, values: readonly (string | number)[]): IndexedRun[] =>
    (database.prepare(`SELECT id FROM runs ${query}`).all(values) as { id: string }[]).flatMap(
      ({ id }) => find(id) ?? [],
    );
  return {
    add: (order, view) => keep(inTransaction(database, () => addRun(database, order, view))),
    find,
    ids: () => (database.prepare('SELECT id FROM runs').all() as { id: string }[]).map(({ id }) => id),
    inStates(states) {
      const { where, values } = filterOf({ states });
      return findAll(`${where} ORDER BY number`, values);
    },
    list(filter, limit, before) {
      const { where, values } = filterOf(filter);
      const total = database.prepare(`SELECT count(*) AS n FROM runs ${where}`).get(values) as { n: number };
      const page = filterOf({ ...filter, before });
      const found = findAll(`${page.where} ORDER BY number DESC LIMIT ?`, [...page.values, limit + 1]);
      const runs = found.slice(0, limit);
      return { runs, total: total.n, next: found.length > limit ? runs.at(-1)?.number : undefined };
    },
    count(state, tenant) {
      const { where, values } = filterOf({ states: [state], tenant });
      return (database.prepare(`SELECT count(*) AS n FROM runs ${where}`).get(values) as { n: number }).n;
    },
    advance(run, { view, seq, cursor }, events) {
      if (run.seq + events.length !== seq)
        throw new MrpoError('internal', `${run.order.id}: ${seq} is not the next event`);
      inTransaction(database, () => {
        events.forEach((message, i) => insertEvent.run(eventId(run.number, run.seq + i + 1), message));
        update.run(view.state, JSON.stringify(view), seq, cursor, run.number);
      });
      return keep({ ...run, view, seq, cursor });
    },
    events(run, afterSeq, limit) {
      const rows = eventsAfter.all([eventId(run, afterSeq), eventId(run + 1, 0), limit]) as { message: ArrayBuffer }[];
      return rows.map(({ message }) => Buffer.from(message));
    },
    forget(run, view) {
      inTransaction(database, () => {
        removeEvents.run(eventId(run.number, 0), eventId(run.number + 1, 0));
        update.run(view.state, JSON.stringify(view), 0, 0, run.number);
      });
      keep({ ...run, view, seq: 0, cursor: 0 });
    },
    remove(run) {
      inTransaction(database, () => {
        removeEvents.run(eventId(run.number, 0), eventId(run.number + 1, 0));
        database.prepare('DELETE FROM runs WHERE number = ?').run(run.number);
      });
      atHand.delete(run.order.id);
    },
    close: () => void database.close(),
  };
}

function addRun(database: SqliteDatabase, order: Order, view: RunView): IndexedRun {
  const { id, tenant, createdAt, specHash, labels } = order;
  const row = database
    .prepare(
      `INSERT INTO runs (id, tenant, created_ms, state, spec_hash, order_json, view_json, seq, cursor)
       VALUES (?, ?, ?, ?, ?, ?, ?, 0, 0) RETURNING number`,
    )
    .get([id, tenant, createdAt, view.state, specHash, JSON.stringify(order), JSON.stringify(view)]) as {
    number: number;
  };
  const label = database.prepare('INSERT INTO labels (run, key, value) VALUES (?, ?, ?)');
  for (const [key, value] of Object.entries(labels)) label.run(row.number, key, value);
  return { number: row.number, order, view, seq: 0, cursor: 0 };
}

const runOf = ({ number, order_json, view_json, seq, cursor }: RunRow): IndexedRun => ({
  number,
  order: JSON.parse(order_json) as Order,
  view: JSON.parse(view_json) as RunView,
  seq,
  cursor,
});
