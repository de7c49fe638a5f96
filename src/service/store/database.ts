/**
 * The SQLite file under the index: opened, checked and brought to the current layout, one migration after the other.
 * Everything in it can be made anew from the folders of the runs.
 */
import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import Database from 'libsql';
import { MrpoError } from '../../core/errors.js';
import { inTransaction, integer, type SqliteDatabase } from '../../core/sqlite.js';

/** "mrrn" in ASCII: SQLite's mark of whose file it is. */
const APPLICATION_ID = 0x6d72726e;

/**
 * By version: number n brings a file of version n to n + 1.
 * runs    number: in order of creation; view: what the fold of the journal up to `cursor` (bytes) and `seq` gave
 * labels  of runs, for filters
 * events  id: see {@link eventId}; message: an encoded mrpo.runs.v1.Event, sent as it is
 */
const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE runs (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE, tenant TEXT NOT NULL, created_ms INTEGER NOT NULL, state TEXT NOT NULL,
    spec_hash TEXT NOT NULL, order_json TEXT NOT NULL, view_json TEXT NOT NULL,
    seq INTEGER NOT NULL, cursor INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX runs_by_state ON runs (state, number);
  CREATE INDEX runs_by_creation ON runs (created_ms, number);
  CREATE TABLE labels (
    run INTEGER NOT NULL REFERENCES runs (number) ON DELETE CASCADE, key TEXT NOT NULL, value TEXT NOT NULL,
    PRIMARY KEY (run, key)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX labels_by_value ON labels (key, value, run);
  CREATE TABLE events (id INTEGER PRIMARY KEY, message BLOB NOT NULL) STRICT;
  `,
];

/** Events of a run lie side by side, in order. */
export const eventId = (run: number, seq: number): number => run * 2 ** 32 + seq;

/**
 * Opens the index file, or makes it.
 * @throws MrpoError `environment` if it cannot be opened, is not an index of this package, or is of a later layout.
 */
export function openIndex(path: string): SqliteDatabase {
  let database: SqliteDatabase | undefined;
  try {
    if (path !== ':memory:') mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    database = new Database(path);
    database.exec('PRAGMA busy_timeout = 10000');
    requireOwnFile(database, path);
    database.exec('PRAGMA journal_mode = WAL');
    database.exec('PRAGMA synchronous = NORMAL'); // what a power cut takes is read again from the journals
    database.exec('PRAGMA foreign_keys = ON');
    migrate(database, path);
    return database;
  } catch (cause) {
    database?.close();
    if (cause instanceof MrpoError) throw cause;
    throw new MrpoError('environment', `index of runs ${path}: ${(cause as Error).message}`, {
      cause,
      hint: 'It can be made anew from the folders of the runs: move it away and start again.',
    });
  }
}

function requireOwnFile(database: SqliteDatabase, path: string): void {
  if (integer(database, 'SELECT count(*) FROM sqlite_schema') === 0) return;
  if (integer(database, 'PRAGMA application_id') === APPLICATION_ID) return;
  throw new MrpoError('environment', `${path} is not an index of runs: it belongs to another program`);
}

function migrate(database: SqliteDatabase, path: string): void {
  if (integer(database, 'PRAGMA user_version') > MIGRATIONS.length) {
    throw new MrpoError('environment', `index of runs ${path}: it is of a later version of mrpo`, {
      hint: 'Use that version, or move the file away: it is made anew from the folders of the runs.',
    });
  }
  inTransaction(database, () => {
    for (let version = integer(database, 'PRAGMA user_version'); version < MIGRATIONS.length; version++) {
      database.exec(MIGRATIONS[version] ?? '');
    }
    database.exec(`PRAGMA application_id = ${APPLICATION_ID}`);
    database.exec(`PRAGMA user_version = ${MIGRATIONS.length}`);
  });
}
