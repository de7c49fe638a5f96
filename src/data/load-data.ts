/** The data of a run as its configuration names it: read, limited, split. */
import type { DataConfig } from '../config/schema.js';
import type { PreferencePair } from './pair.js';
import { readPreferenceData, type PreferenceData } from './read-data.js';
import type { HubReader } from './sources/hub.js';
import { limitPairs, splitPairs } from './split-pairs.js';

export interface LoadDataOptions {
  /** Of the split, the limit and random pairings. */
  readonly seed: number;
  readonly signal?: AbortSignal | undefined;
  /** Reads `hub:` sources; the backend's `readDataset`. */
  readonly hub?: HubReader | undefined;
}

export interface RunData {
  readonly train: readonly PreferencePair[];
  readonly eval: readonly PreferencePair[];
  /** What was read: the training file, and the held-out file if there is one of its own. */
  readonly sources: readonly PreferenceData[];
  /** What the user should know. */
  readonly notes: readonly string[];
}

/** @throws MrpoError `data` if a file cannot be read, or no pairs are left to train on. */
export async function loadData(data: DataConfig, options: LoadDataOptions): Promise<RunData> {
  const readOptions = {
    format: data.format,
    columns: data.columns,
    pairing: data.pairing,
    score: data.score,
    strict: data.strict,
    seed: options.seed,
    signal: options.signal,
    hub: options.hub,
  };
  const whole = await readPreferenceData(data.train, readOptions);
  const limited = data.limit === undefined ? whole.pairs : limitPairs(whole.pairs, data.limit, options.seed);
  if (typeof data.eval === 'string') {
    const held = await readPreferenceData(data.eval, readOptions);
    return {
      train: limited,
      eval: held.pairs,
      sources: [whole, held],
      notes: sharedPrompts(limited, held.pairs, data.eval),
    };
  }
  const split = splitPairs(limited, data.eval, options.seed);
  const none = data.eval > 0 && split.eval.length === 0;
  const notes = none
    ? [`data.eval ${data.eval} of ${limited.length} pairs holds out none; give a number of pairs to be sure`]
    : [];
  return { ...split, sources: [whole], notes };
}

function sharedPrompts(train: readonly PreferencePair[], held: readonly PreferencePair[], file: string): string[] {
  const trained = new Set(train.map(({ promptId }) => promptId));
  const shared = held.filter(({ promptId }) => trained.has(promptId)).length;
  return shared === 0 ? [] : [`${shared} of ${held.length} pairs of ${file} have a prompt that is also trained on`];
}
