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

export interface LogpCache {
  /** The SQLite file, or ":memory:". */
  readonly path: string;
  /** Columns aligned with `texts` (pair hashes, see `PreferencePair.id`). */
  read(key: ScoringKey, texts: readonly string[]): ScoreColumns;
  /** How many pairs are held under a key. */
  count(key: ScoringKey): number;
  /** Marks a model and rule as used, so that pruning by age leaves it. */
  touch(key: ScoringKey, label: string): void;
  /** The right to score, or who has it now. `label` names the model for people. */
  claim(key: ScoringKey, label: string): { readonly claim: Claim } | { readonly holder: ClaimHolder };
  /** Adds scores, all or none; what is there already stays. Returns how many were new. */
  write(key: ScoringKey, label: string, scores: readonly PairScore[]): number;
  /** Adds batches and models that another machine exported, all or none. Returns how many scores were new. */
  absorb(batches: readonly ScoreBatch[], models: readonly KnownModel[]): number;
  remember(model: KnownModel): void;
  recall(spec: ModelSpec, files: string): ModelIdentity | undefined;
  importedModels(): KnownModel[];
  /** The same model and rule as another machine scored it, on another numeric path. Newest first. */
  importedTwins(key: ScoringKey): ScoringKey[];
  knownModels(): KnownModel[];
  entries(): CacheEntry[];
  /** Everything held under a key, in order of the text hashes. */
  dump(key: ScoringKey): PairScore[];
  prune(pruning: Pruning): PruningResult;
  bytes(): number;
  close(): void;
}

export interface CacheOptions {
  /** Default: see {@link cacheFile}. ":memory:" for a cache that ends with the process. */
  readonly path?: string | undefined;
  readonly timing?: Partial<ClaimTiming> | undefined;
}

/**
 * Opens the cache, or makes it.
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
