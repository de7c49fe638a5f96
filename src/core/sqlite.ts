/** What every SQLite file of the package needs; each has its own layout. */
import type Database from 'libsql';

/** An open SQLite connection. */
export type SqliteDatabase = Database.Database;

/** Runs a change as one transaction that takes the write lock at once, so that it never has to be retried. */
export function inTransaction<T>(database: SqliteDatabase, change: () => T): T {
  database.exec('BEGIN IMMEDIATE');
  try {
    const result = change();
    database.exec('COMMIT');
    return result;
  } catch (error) {
    if (database.inTransaction) database.exec('ROLLBACK');
    throw error;
  }
}

/** The one number that a query gives. */
export function integer(database: SqliteDatabase, query: string): number {
  return Number((database.prepare(query).raw().get() as [number])[0]);
}
