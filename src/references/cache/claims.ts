/**
 * Claims: while one process scores a model under a rule, others wait for its rows instead of computing them too. A claim
 * is a lease kept alive by a heartbeat; it ends when released, when its process is gone, or when the heart stops.
 */
import { randomUUID } from 'node:crypto';
import { readlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import { processExists } from '../../core/process-owner.js';
import { inTransaction } from '../../core/sqlite.js';
import type { CacheDatabase } from './database.js';

/** How a claim is kept alive; milliseconds. */
export interface ClaimTiming {
  /** A claim whose heartbeat is older than this is over. Default 60000. */
  readonly leaseMs: number;
  /** Default 10000. */
  readonly heartbeatMs: number;
}

/** A process that has been silent for six heartbeats has lost its claim. */
export const DEFAULT_TIMING: ClaimTiming = { leaseMs: 60_000, heartbeatMs: 10_000 };

/** The right of this process to score one model under one rule. */
export interface Claim {
  /**
   * Whether this process still has it: a suspended laptop may have lost it. To be asked before each write; one that comes
   * between another's claim and this look changes nothing, for a score that is there stays.
   */
  isHeld(): boolean;
  release(): void;
}

/** Who scores now. */
export interface ClaimHolder {
  readonly host: string;
  readonly process: number;
}

interface StoredClaim extends ClaimHolder {
  readonly owner: string;
  readonly beat_ms: number;
}

/** A claim on a scoring, or who holds it. */
export function tryClaim(
  database: CacheDatabase,
  scoring: number,
  timing: ClaimTiming,
): { readonly claim: Claim } | { readonly holder: ClaimHolder } {
  const owner = randomUUID();
  const holder = inTransaction(database, () => {
    const current = database
      .prepare('SELECT owner, host, process, beat_ms FROM claims WHERE scoring = ?')
      .get(scoring) as StoredClaim | undefined;
    if (current !== undefined && isAlive(current, timing.leaseMs)) return current;
    database
      .prepare('INSERT OR REPLACE INTO claims (scoring, owner, host, process, beat_ms) VALUES (?, ?, ?, ?, ?)')
      .run(scoring, owner, thisHost(), process.pid, Date.now());
    return undefined;
  });
  if (holder !== undefined) return { holder: { host: holder.host, process: holder.process } };
  return { claim: keepAlive(database, scoring, owner, timing) };
}

/** The scorings that a living process is working on. */
export function claimedScorings(database: CacheDatabase, leaseMs: number): ReadonlySet<number> {
  const rows = database.prepare('SELECT scoring, owner, host, process, beat_ms FROM claims').all() as (StoredClaim & {
    scoring: number;
  })[];
  return new Set(rows.filter((row) => isAlive(row, leaseMs)).map((row) => row.scoring));
}

function keepAlive(database: CacheDatabase, scoring: number, owner: string, timing: ClaimTiming): Claim {
  const beat = database.prepare('UPDATE claims SET beat_ms = ? WHERE scoring = ? AND owner = ?');
  const timer = setInterval(() => {
    try {
      beat.run(Date.now(), scoring, owner);
    } catch {
      // A disk that fails now fails the next write of scores too, where somebody hears of it. Here the lease just ends.
    }
  }, timing.heartbeatMs);
  timer.unref();
  const held = database.prepare('SELECT 1 FROM claims WHERE scoring = ? AND owner = ?').raw();
  return {
    isHeld: () => held.get(scoring, owner) !== undefined,
    release() {
      clearInterval(timer);
      database.prepare('DELETE FROM claims WHERE scoring = ? AND owner = ?').run(scoring, owner);
    },
  };
}

function isAlive(claim: StoredClaim, leaseMs: number): boolean {
  if (Date.now() - claim.beat_ms > leaseMs) return false;
  return claim.host !== thisHost() || processExists(claim.process);
}

/** Process ids mean something only within one host and, with containers, one namespace. */
function thisHost(): string {
  try {
    return `${hostname()} ${readlinkSync('/proc/self/ns/pid')}`;
  } catch {
    return hostname();
  }
}
