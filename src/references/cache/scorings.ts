/** The scorings of a cache: from what a log-prob depends on to the number its rows are stored under. */
import { inTransaction } from '../../core/sqlite.js';
import type { CacheDatabase } from './database.js';
import type { ScoringKey } from './key.js';

const KEY_COLUMNS = 'weights, tokenizer, chat_template, numeric_path, max_length, truncation, template';
const KEY_TEST = KEY_COLUMNS.split(', ')
  .map((column) => `${column} = ?`)
  .join(' AND ');

const keyValues = (key: ScoringKey): (string | number)[] => [
  key.weights,
  key.tokenizer,
  key.chatTemplate,
  key.numericPath,
  key.maxLength,
  key.truncation,
  key.template,
];

/** The number of a scoring, `undefined` when the cache does not know it. */
export function findScoring(database: CacheDatabase, key: ScoringKey): number | undefined {
  const row = database
    .prepare(`SELECT id FROM scorings WHERE ${KEY_TEST}`)
    .raw()
    .get(...keyValues(key));
  return (row as [number] | undefined)?.[0];
}

/**
 * The number of a scoring, made if it is new; marks it as used now. In the caller's transaction.
 * @param label For people: the model as the configuration named it. Not part of the key.
 */
export function ensureScoring(database: CacheDatabase, key: ScoringKey, label: string, imported: boolean): number {
  database
    .prepare(
      `INSERT INTO scorings (${KEY_COLUMNS}, label, imported, used_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (${KEY_COLUMNS}) DO UPDATE SET used_ms = excluded.used_ms`,
    )
    .run(...keyValues(key), label, imported ? 1 : 0, Date.now());
  const id = findScoring(database, key);
  if (id === undefined) throw new Error('a scoring that was just written is not there');
  return id;
}

/** As {@link ensureScoring}, in a transaction of its own. */
export function touchScoring(database: CacheDatabase, key: ScoringKey, label: string): number {
  return inTransaction(database, () => ensureScoring(database, key, label, false));
}

/** Scorings of the same model and rule that another machine computed on another numeric path, newest first. */
export function importedTwins(database: CacheDatabase, key: ScoringKey): ScoringKey[] {
  const rows = database
    .prepare(
      `SELECT numeric_path FROM scorings WHERE imported = 1 AND weights = ? AND tokenizer = ? AND chat_template = ?
       AND numeric_path <> ? AND max_length = ? AND truncation = ? AND template = ? ORDER BY used_ms DESC`,
    )
    .raw()
    .all(...keyValues(key)) as [string][];
  return rows.map(([numericPath]) => ({ ...key, numericPath }));
}
