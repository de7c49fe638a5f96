/** Preference data: reading, recognising, splitting. */
export { formatNames, FORMATS } from './formats/index.js';
export { loadData, type LoadDataOptions, type RunData } from './load-data.js';
export { pairPlace, type ChatMessage, type PreferencePair, type RowOrigin } from './pair.js';
export type { PairingRule } from './pairing.js';
export { dropReasons, type DropReason } from './drop-counter.js';
export { readPreferenceData, type PreferenceData } from './read-data.js';
export { readPairs, type DroppedRow, type PairChunk, type PairStream, type ReadOptions } from './read-pairs.js';
export type { HubReader } from './sources/hub.js';
export { sourceFiles } from './sources/open-source.js';
export type { ReadReport, UnreadColumn } from './read-report.js';
export { limitPairs, splitPairs, weightPairs, type PairSplit } from './split-pairs.js';
