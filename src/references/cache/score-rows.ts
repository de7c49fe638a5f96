/** Reading and writing the log-probs of pairs under one scoring. */
import type { RowFacts } from '../../backend/backend.js';
import type { CacheDatabase } from './database.js';

/** One pair under one model. Without `unusable`, both log-probs are finite and <= 0. */
export interface PairScore {
  /** SHA-256 of the text of the pair. */
  readonly text: string;
  /** Nats, summed over response tokens; NaN when unusable. */
  readonly chosen: number;
  readonly rejected: number;
  readonly promptTokens: number;
  readonly chosenTokens: number;
  readonly rejectedTokens: number;
  readonly flags: number;
  /** Why there are no log-probs. */
  readonly unusable: string | undefined;
}

/** Bits of {@link PairScore.flags}. */
export const FLAG = {
  truncatedPrompt: 1,
  truncatedChosen: 2,
  truncatedRejected: 4,
  boundarySplit: 8,
  leftOut: 16,
} as const;
/** All bits of {@link FLAG}. */
export const ALL_FLAGS: number = Object.values(FLAG).reduce((all, bit) => all | bit, 0);

/** The facts of a row that are kept with its score, as bits of {@link FLAG}. */
export function flagsOf(facts: RowFacts): number {
  return (
    (facts.truncatedPrompt ? FLAG.truncatedPrompt : 0) |
    (facts.truncatedChosen ? FLAG.truncatedChosen : 0) |
    (facts.truncatedRejected ? FLAG.truncatedRejected : 0) |
    (facts.boundarySplit ? FLAG.boundarySplit : 0) |
    (facts.leftOut === undefined ? 0 : FLAG.leftOut)
  );
}

/** Columns aligned with the texts asked for; NaN and 0 where a text is missing. */
export interface ScoreColumns {
  readonly chosen: Float64Array;
  readonly rejected: Float64Array;
  readonly promptTokens: Float64Array;
  readonly chosenTokens: Float64Array;
  readonly rejectedTokens: Float64Array;
  readonly flags: Uint8Array;
  /** Per pair: why it has no log-probs; `undefined` where it has some, or is missing. */
  readonly unusable: readonly (string | undefined)[];
  /** Positions that the cache does not hold. */
  readonly missing: readonly number[];
}

type StoredScore = readonly [string, number | null, number | null, number, number, number, number, string | null];

const COLUMNS = 'text, chosen, rejected, prompt_tokens, chosen_tokens, rejected_tokens, flags, unusable';
/** One look-up costs as much as reading about four rows in a row (measured: 11 us against 2.7 us). */
const LOOK_UP_COST = 4;

/**
 * Looks up pairs by the hashes of their texts, in the order asked for.
 * @param scoring `undefined` = nothing is known of this model and rule: all missing.
 */
export function readScores(
  database: CacheDatabase,
  scoring: number | undefined,
  texts: readonly string[],
): ScoreColumns {
  const find = scoring === undefined ? () => undefined : finder(database, scoring, texts.length);
  const column = (): Float64Array => new Float64Array(texts.length);
  const columns = {
    chosen: column().fill(NaN),
    rejected: column().fill(NaN),
    promptTokens: column(),
    chosenTokens: column(),
    rejectedTokens: column(),
    flags: new Uint8Array(texts.length),
  };
  const unusable = new Array<string | undefined>(texts.length).fill(undefined);
  const missing: number[] = [];
  texts.forEach((text, position) => {
    const row = find(text);
    if (row === undefined) {
      missing.push(position);
      return;
    }
    columns.promptTokens[position] = row[3];
    columns.chosenTokens[position] = row[4];
    columns.rejectedTokens[position] = row[5];
    columns.flags[position] = row[6];
    if (row[7] !== null) {
      unusable[position] = row[7];
      return;
    }
    columns.chosen[position] = row[1] ?? NaN;
    columns.rejected[position] = row[2] ?? NaN;
  });
  return { ...columns, unusable, missing };
}

function finder(database: CacheDatabase, scoring: number, asked: number): (text: string) => StoredScore | undefined {
  const held = countScores(database, scoring);
  if (held === 0) return () => undefined;
  if (asked * LOOK_UP_COST < held) {
    const one = database.prepare(`SELECT ${COLUMNS} FROM scores WHERE scoring = ? AND text = ?`).raw();
    return (text) => one.get(scoring, text) as StoredScore | undefined;
  }
  const all = database.prepare(`SELECT ${COLUMNS} FROM scores WHERE scoring = ?`).raw().all(scoring) as StoredScore[];
  const byText = new Map(all.map((row) => [row[0], row]));
  return (text) => byText.get(text);
}

/** Number of pairs stored under a scoring, unusable ones included. */
export function countScores(database: CacheDatabase, scoring: number): number {
  return (database.prepare('SELECT count(*) FROM scores WHERE scoring = ?').raw().get(scoring) as [number])[0];
}

/** Adds scores in the caller's transaction; a text that is there already is left as it is. Returns how many were new. */
export function insertScores(database: CacheDatabase, scoring: number, scores: Iterable<PairScore>): number {
  const insert = database.prepare(
    `INSERT INTO scores (scoring, ${COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (scoring, text) DO NOTHING`,
  );
  let added = 0;
  for (const s of scores) {
    const usable = s.unusable === undefined;
    const result = insert.run(
      scoring,
      s.text,
      usable ? s.chosen : null,
      usable ? s.rejected : null,
      s.promptTokens,
      s.chosenTokens,
      s.rejectedTokens,
      s.flags,
      s.unusable ?? null,
    );
    added += result.changes;
  }
  return added;
}

/** Everything stored under a scoring, in order of the text hashes. */
export function dumpScores(database: CacheDatabase, scoring: number | undefined): PairScore[] {
  if (scoring === undefined) return [];
  const rows = database.prepare(`SELECT ${COLUMNS} FROM scores WHERE scoring = ? ORDER BY text`).raw().all(scoring);
  return (rows as StoredScore[]).map((row) => ({
    text: row[0],
    chosen: row[1] ?? NaN,
    rejected: row[2] ?? NaN,
    promptTokens: row[3],
    chosenTokens: row[4],
    rejectedTokens: row[5],
    flags: row[6],
    unusable: row[7] ?? undefined,
  }));
}
