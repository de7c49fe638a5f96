/** The log-prob cache. */
export { openLogpCache, type CacheOptions, type LogpCache, type ScoreBatch } from './cache.js';
export type { Claim, ClaimHolder, ClaimTiming } from './claims.js';
export type { CacheEntry, Pruning, PruningResult } from './inventory.js';
export { keyText, scoringKey, type ScoringKey } from './key.js';
export type { KnownModel } from './known-models.js';
export { cacheFile, cacheFolder } from './location.js';
export { scoreText } from './score-text.js';
export { FLAG, flagsOf, type PairScore, type ScoreColumns } from './score-rows.js';
export { exportCache, type ExportResult } from './export-parquet.js';
export { importCache, type ImportResult } from './import-parquet.js';
