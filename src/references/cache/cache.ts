/** The log-prob cache as the rest of the package sees it: one object over one SQLite file. */
import type { ModelIdentity, ModelSpec } from '../../backend/backend.js';
import { MrpoError } from '../../core/errors.js';
import { DEFAULT_TIMING, tryClaim, type Claim, type ClaimHolder, type ClaimTiming } from './claims.js';
import { inTransaction } from '../../core/sqlite.js';
import { cacheError, openDatabase } from './database.js';
import { bytesOnDisk, listEntries, prune, type CacheEntry, type Pruning, type PruningResult } from './inventory.js';
import type { ScoringKey } from './key.js';
import { allKnownModels, importedModels, recallModel, rememberModel, type KnownModel } from './known-models.js';
import { cacheFile } from './location.js';
import { countScores, dumpScores, insertScores, readScores, type PairScore, type ScoreColumns } from './score-rows.js';
import { ensureScoring, findScoring, importedTwins, touchScoring } from './scorings.js';

/** Scores to add from elsewhere. */
export interface ScoreBatch {
  readonly key: ScoringKey;
  readonly label: string;
  readonly scores: readonly PairScore[];
}

/** Log-probs by model content, token rule and text of the pair. Calls are synchronous and safe among processes. */
export interface LogpCache {
  /** The SQLite file, or ":memory:". */
  readonly path: string;
  /** Columns aligned with `texts` (pair hashes, see `PreferencePair.id`). */
  read(key: ScoringKey, texts: readonly string[]): ScoreColumns;
  /** How many pairs are stored under a key. */
  count(key: ScoringKey): number;
  /** Marks a model and rule as used, so that pruning by age leaves it. */
  touch(key: ScoringKey, label: string): void;
  /** The right to score, or who has it now. `label` names the model for people. */
  claim(key: ScoringKey, label: string): { readonly claim: Claim } | { readonly holder: ClaimHolder };
  /** Adds scores, all or none; what is there already stays. Returns how many were new. */
  write(key: ScoringKey, label: string, scores: readonly PairScore[]): number;
  /** Adds batches and models that another machine exported, all or none. Returns how many scores were new. */
  absorb(batches: readonly ScoreBatch[], models: readonly KnownModel[]): number;
  /** Notes which content a model has now, so that reports need no backend. Nothing happens on a read-only disk. */
  remember(model: KnownModel): void;
  /** The content noted for a model whose files have this fingerprint; undefined if there is none. */
  recall(spec: ModelSpec, files: string): ModelIdentity | undefined;
  /** Models that another machine scored, newest first. */
  importedModels(): KnownModel[];
  /** The same model and rule as another machine scored it, on another numeric path. Newest first. */
  importedTwins(key: ScoringKey): ScoringKey[];
  /** Every model that was ever noted, for an export. */
  knownModels(): KnownModel[];
  /** What is stored, per model and rule; most recently used first. */
  entries(): CacheEntry[];
  /** Everything stored under a key, in order of the text hashes. */
  dump(key: ScoringKey): PairScore[];
  /** Removes models and their scores; those that are being scored stay. */
  prune(pruning: Pruning): PruningResult;
  /** Bytes on disk, write-ahead log included. */
  bytes(): number;
  /** Closes the file; the cache cannot be used afterwards. */
  close(): void;
}

/** Where the cache file lies. */
export interface CacheOptions {
  /** Default: see {@link cacheFile}. ":memory:" for a cache that ends with the process. */
  readonly path?: string | undefined;
  /** How claims of this process are kept alive. Default: a heartbeat every 10 s. */
  readonly timing?: Partial<ClaimTiming> | undefined;
}

/**
 * Opens the cache, or makes it. Close it when it is no longer needed.
 * @example
 * const cache = openLogpCache({ path: 'scores.sqlite' });
 * for (const { label, pairs } of cache.entries()) console.log(label, pairs);
 * cache.close();
 * @throws MrpoError `environment`, see {@link openDatabase}; every method likewise when the disk fails.
 */
export function openLogpCache(options: CacheOptions = {}): LogpCache {
  const path = options.path ?? cacheFile();
  const timing = { ...DEFAULT_TIMING, ...options.timing };
  const { database, readOnly } = openDatabase(path);
  const find = (key: ScoringKey): number | undefined => findScoring(database, key);
  const cache: LogpCache = {
    path,
    read: (key, texts) => readScores(database, find(key), texts),
    count(key) {
      const scoring = find(key);
      return scoring === undefined ? 0 : countScores(database, scoring);
    },
    touch: (key, label) => void (readOnly || touchScoring(database, key, label)),
    claim: (key, label) => tryClaim(database, touchScoring(database, key, label), timing),
    write: (key, label, scores) =>
      inTransaction(database, () => insertScores(database, ensureScoring(database, key, label, false), scores)),
    absorb: (batches, models) =>
      inTransaction(database, () => {
        for (const model of models) rememberModel(database, { ...model, files: '' }, true);
        return batches.reduce(
          (added, batch) =>
            added + insertScores(database, ensureScoring(database, batch.key, batch.label, true), batch.scores),
          0,
        );
      }),
    remember: (model) => void (readOnly || inTransaction(database, () => rememberModel(database, model, false))),
    recall: (spec, files) => recallModel(database, spec, files),
    importedModels: () => importedModels(database),
    importedTwins: (key) => importedTwins(database, key),
    knownModels: () => allKnownModels(database),
    entries: () => listEntries(database),
    dump: (key) => dumpScores(database, find(key)),
    prune: (pruning) => prune(database, pruning, timing.leaseMs),
    bytes: () => bytesOnDisk(path),
    close: () => void database.close(),
  };
  return withNamedErrors(cache, path);
}

/** Whatever SQLite throws says which file it is about. */
function withNamedErrors(cache: LogpCache, path: string): LogpCache {
  const guard =
    <A extends unknown[], R>(method: (...given: A) => R) =>
    (...given: A): R => {
      try {
        return method(...given);
      } catch (error) {
        if (error instanceof MrpoError) throw error;
        throw cacheError(path, error);
      }
    };
  const guarded = Object.entries(cache).map(([name, member]: [string, unknown]) => [
    name,
    typeof member === 'function' ? guard(member as (...given: unknown[]) => unknown) : member,
  ]);
  return Object.freeze(Object.fromEntries(guarded)) as LogpCache;
}
