/** What lies in a cache, and how to make it smaller. */
import { existsSync, statSync } from 'node:fs';
import { claimedScorings } from './claims.js';
import { inTransaction } from '../../core/sqlite.js';
import type { CacheDatabase } from './database.js';
import type { ScoringKey } from './key.js';

/** One model under one rule. */
export interface CacheEntry extends ScoringKey {
  readonly id: number;
  /** The model as a configuration named it when it was scored. */
  readonly label: string;
  readonly imported: boolean;
  readonly lastUsed: Date;
  readonly pairs: number;
  /** Of these, pairs that have no log-probs. */
  readonly unusable: number;
}

/** What is removed: entries that meet every condition given; without one, all. */
export interface Pruning {
  /** Only models not used for so long, in milliseconds. */
  readonly unusedForMs?: number | undefined;
  /** Only models whose label contains this, or whose weights' hash starts with it. */
  readonly model?: string | undefined;
}

/** What pruning did. */
export interface PruningResult {
  readonly removed: readonly CacheEntry[];
  /** Left alone because a process is scoring them now. */
  readonly busy: readonly CacheEntry[];
}

interface StoredEntry {
  readonly id: number;
  readonly weights: string;
  readonly tokenizer: string;
  readonly chat_template: string;
  readonly numeric_path: string;
  readonly max_length: number;
  readonly truncation: ScoringKey['truncation'];
  readonly template: ScoringKey['template'];
  readonly label: string;
  readonly imported: number;
  readonly used_ms: number;
  readonly pairs: number;
  readonly unusable: number;
}

/** Most recently used first. */
export function listEntries(database: CacheDatabase): CacheEntry[] {
  const rows = database
    .prepare(
      `SELECT scorings.*, count(scores.text) AS pairs, count(scores.unusable) AS unusable
       FROM scorings LEFT JOIN scores ON scores.scoring = scorings.id
       GROUP BY scorings.id ORDER BY used_ms DESC, scorings.id`,
    )
    .all() as StoredEntry[];
  return rows.map((row) => ({
    id: row.id,
    weights: row.weights,
    tokenizer: row.tokenizer,
    chatTemplate: row.chat_template,
    numericPath: row.numeric_path,
    maxLength: row.max_length,
    truncation: row.truncation,
    template: row.template,
    label: row.label,
    imported: row.imported === 1,
    lastUsed: new Date(row.used_ms),
    pairs: row.pairs,
    unusable: row.unusable,
  }));
}

/** Removes models and their scores, and gives the space back to the disk. */
export function prune(database: CacheDatabase, pruning: Pruning, leaseMs: number): PruningResult {
  const result = inTransaction(database, () => {
    const claimed = claimedScorings(database, leaseMs);
    const matching = listEntries(database).filter((entry) => matches(entry, pruning));
    const removed = matching.filter((entry) => !claimed.has(entry.id));
    for (const { id } of removed) {
      database.prepare('DELETE FROM scores WHERE scoring = ?').run(id);
      database.prepare('DELETE FROM claims WHERE scoring = ?').run(id);
      database.prepare('DELETE FROM scorings WHERE id = ?').run(id);
    }
    return { removed, busy: matching.filter((entry) => claimed.has(entry.id)) };
  });
  if (result.removed.length > 0) {
    database.exec('VACUUM');
    database.exec('PRAGMA wal_checkpoint(TRUNCATE)');
  }
  return result;
}

/** Bytes on disk, write-ahead log included. */
export function bytesOnDisk(path: string): number {
  return [path, `${path}-wal`].reduce((sum, file) => sum + (existsSync(file) ? statSync(file).size : 0), 0);
}

function matches(entry: CacheEntry, pruning: Pruning): boolean {
  const { unusedForMs, model } = pruning;
  if (unusedForMs !== undefined && Date.now() - entry.lastUsed.getTime() < unusedForMs) return false;
  return model === undefined || entry.label.includes(model) || entry.weights.startsWith(model);
}
