/**
 * The SQLite file under the cache: opened, checked and brought to the current layout. Write-ahead log, one transaction
 * per change: a process killed at any moment leaves whole rows or none.
 */
import { accessSync, constants, existsSync, mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import Database from 'libsql';
import { MrpoError } from '../../core/errors.js';
import { inTransaction, integer } from '../../core/sqlite.js';

/** An open SQLite connection. */
export type CacheDatabase = Database.Database;

/** A cache file whose layout has been checked. */
export interface OpenedDatabase {
  readonly database: CacheDatabase;
  /** Nothing can be written: the file lies on a read-only disk. */
  readonly readOnly: boolean;
}

/** "mrpo" in ASCII: SQLite's mark of whose file it is. */
const APPLICATION_ID = 0x6d72706f;
const LAYOUT_VERSION = 1;
/** How long a statement waits for another process's transaction; each takes milliseconds. */
const BUSY_TIMEOUT_MS = 60_000;

/**
 * scorings     one model (by content) under one rule of tokenisation: what a log-prob depends on besides the pair's text
 * scores       one pair under one scoring; `unusable` says why there are no log-probs
 * claims       which process is scoring what right now
 * known_models which content a model had when its files looked as in `files`, so that reports need no backend
 */
const LAYOUT = `
  CREATE TABLE scorings (
    id INTEGER PRIMARY KEY,
    weights TEXT NOT NULL, tokenizer TEXT NOT NULL, chat_template TEXT NOT NULL, numeric_path TEXT NOT NULL,
    max_length INTEGER NOT NULL, truncation TEXT NOT NULL, template TEXT NOT NULL,
    label TEXT NOT NULL, imported INTEGER NOT NULL, used_ms INTEGER NOT NULL,
    UNIQUE (weights, tokenizer, chat_template, numeric_path, max_length, truncation, template)
  ) STRICT;
  CREATE TABLE scores (
    scoring INTEGER NOT NULL, text TEXT NOT NULL,
    chosen REAL, rejected REAL,
    prompt_tokens INTEGER NOT NULL, chosen_tokens INTEGER NOT NULL, rejected_tokens INTEGER NOT NULL,
    flags INTEGER NOT NULL, unusable TEXT,
    PRIMARY KEY (scoring, text),
    CHECK ((unusable IS NULL) = (chosen IS NOT NULL AND rejected IS NOT NULL)),
    CHECK (unusable IS NOT NULL OR (chosen BETWEEN -1e300 AND 0 AND rejected BETWEEN -1e300 AND 0))
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE claims (
    scoring INTEGER PRIMARY KEY, owner TEXT NOT NULL, host TEXT NOT NULL, process INTEGER NOT NULL, beat_ms INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE known_models (
    spec TEXT NOT NULL, files TEXT NOT NULL,
    weights TEXT NOT NULL, tokenizer TEXT NOT NULL, chat_template TEXT NOT NULL, numeric_path TEXT NOT NULL,
    revision TEXT NOT NULL, imported INTEGER NOT NULL, seen_ms INTEGER NOT NULL,
    PRIMARY KEY (spec, files, numeric_path)
  ) STRICT;
`;

/**
 * Opens or makes the cache file at `path` (or `:memory:`).
 * @throws MrpoError `environment` if it cannot be opened, is not a cache of this package, or is of a newer layout.
 */
export function openDatabase(path: string): OpenedDatabase {
  let database: CacheDatabase | undefined;
  try {
    if (isReadOnly(path)) {
      database = new Database(`file:${encodeURI(path).replaceAll('?', '%3f').replaceAll('#', '%23')}?immutable=1`);
      requireOwnFile(database, path);
      requireLayout(database, path);
      return { database, readOnly: true };
    }
    if (path !== ':memory:') mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    database = new Database(path);
    database.exec(`PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}`);
    requireOwnFile(database, path);
    database.exec('PRAGMA journal_mode = WAL');
    database.exec('PRAGMA synchronous = NORMAL');
    ensureLayout(database, path);
    return { database, readOnly: false };
  } catch (cause) {
    database?.close();
    if (cause instanceof MrpoError) throw cause;
    throw cacheError(path, cause);
  }
}

/** Whether there is a cache in a place that nothing can be written to: what it holds can be read all the same. */
function isReadOnly(path: string): boolean {
  if (path === ':memory:' || !existsSync(path)) return false;
  try {
    accessSync(dirname(path), constants.W_OK);
    return false;
  } catch {
    if (!existsSync(`${path}-wal`) || statSync(`${path}-wal`).size === 0) return true;
    throw new MrpoError('environment', `log-prob cache ${path}: it lies on a read-only disk and is not complete`, {
      hint: 'Its last rows are in the write-ahead log beside it: open it once where it can be written to.',
    });
  }
}

/** What SQLite says, as an error of ours. */
export function cacheError(path: string, cause: unknown): MrpoError {
  const said = cause instanceof Error ? cause.message : String(cause);
  return new MrpoError('environment', `log-prob cache ${path}: ${said}`, {
    cause,
    hint: 'Set MRPO_CACHE_DIR to a folder on a local disk that you may write to, or remove a damaged file: its scores can be computed again.',
  });
}

/** Nothing is written to a file before it is known to be empty or ours. */
function requireOwnFile(database: CacheDatabase, path: string): void {
  const owner = integer(database, 'PRAGMA application_id');
  const tables = integer(database, 'SELECT count(*) FROM sqlite_schema');
  if (owner === APPLICATION_ID || (owner === 0 && tables === 0)) return;
  throw new MrpoError('environment', `log-prob cache ${path}: this is another program's database`, {
    hint: 'Name another file, or set MRPO_CACHE_DIR to another folder.',
  });
}

function ensureLayout(database: CacheDatabase, path: string): void {
  if (integer(database, 'PRAGMA user_version') === 0) {
    inTransaction(database, () => {
      // Another process may have made it between the look and the lock.
      if (integer(database, 'PRAGMA user_version') !== 0) return;
      database.exec(LAYOUT);
      database.exec(`PRAGMA application_id = ${APPLICATION_ID}`);
      database.exec(`PRAGMA user_version = ${LAYOUT_VERSION}`);
    });
  }
  requireLayout(database, path);
}

function requireLayout(database: CacheDatabase, path: string): void {
  const version = integer(database, 'PRAGMA user_version');
  if (version === LAYOUT_VERSION) return;
  throw new MrpoError('environment', `log-prob cache ${path}: got layout ${version}, expected ${LAYOUT_VERSION}`, {
    hint: 'It was written by a newer mrpo: update, or set MRPO_CACHE_DIR to another folder.',
  });
}
