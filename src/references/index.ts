/** References: scored once, cached for ever, understood before training. */
export {
  cacheFile,
  cacheFolder,
  exportCache,
  importCache,
  openLogpCache,
  FLAG,
  type CacheEntry,
  type CacheOptions,
  type LogpCache,
  type ScoringKey,
} from './cache/index.js';
export type { WorkProgress } from './eta.js';
export type { OnScoringEvent, ScoringEvent } from './events.js';
export { identifyForReport, identifyForScoring, type Identified } from './identify.js';
export {
  tokenRule,
  unusablePairs,
  type ReferenceScores,
  type ScoredReference,
  type UnusablePair,
} from './reference-scores.js';
export { scoreReferences, type ScoreReferencesOptions } from './score.js';
export type { HelperPool, ScoringHelper } from './shares.js';
export { scoreModel, type ModelScores, type ScoreModelOptions } from './score-model.js';
export { createReferenceReport, type ReferenceEntry, type ReferenceReport } from './analysis/index.js';
export { readReferences, type ReadReferencesOptions } from './read-references.js';
export { exploreSettings, type SettingResult, type Whatif } from './whatif/whatif.js';
