/** The data of a run as its configuration names it: read, limited, split, weighted. */
import { dataSources } from '../config/data-sources.js';
import type { DataConfig, DataSourceConfig } from '../config/schema.js';
import { sharedPairNotes } from './shared-pairs.js';
import type { PreferencePair } from './pair.js';
import { readPreferenceData, type PreferenceData } from './read-data.js';
import type { HubReader } from './sources/hub.js';
import { limitPairs, splitPairs, weightPairs } from './split-pairs.js';

/** What loading needs beside the configuration. */
export interface LoadDataOptions {
  /** Of the split, the limit, weights and random pairings. */
  readonly seed: number;
  readonly signal?: AbortSignal | undefined;
  /** Reads `hub:` sources; the backend's `readDataset`. */
  readonly hub?: HubReader | undefined;
}

/** The pairs of a run. */
export interface RunData {
  /** A pair is there as often as the weight of its file says. */
  readonly train: readonly PreferencePair[];
  /** Held-out pairs; no prompt of them is in `train` when they were split off it. */
  readonly eval: readonly PreferencePair[];
  /** What was read, one for each entry: the training data, then held-out data of its own. */
  readonly sources: readonly PreferenceData[];
  /** What the user should know. */
  readonly notes: readonly string[];
}

/**
 * Reads every file that the configuration names, limits, splits and weights the pairs.
 * @example
 * const { config } = loadConfig({ file: 'my-run.yaml' });
 * const { train, eval: heldOut, notes } = await loadData(config.data, { seed: config.training.seed });
 * console.log(train.length, heldOut.length, notes);
 * @throws MrpoError `data` if a file cannot be read, or no pairs are left to train on.
 */
export async function loadData(data: DataConfig, options: LoadDataOptions): Promise<RunData> {
  const entries = dataSources(data.train);
  const sources = await readAll(entries, data, options);
  const whole = sources.flatMap(({ pairs }) => pairs);
  const limited = data.limit === undefined ? whole : limitPairs(whole, data.limit, options.seed);
  const { train, held, heldSources, notes } =
    typeof data.eval === 'number'
      ? splitOff(limited, data.eval, options.seed)
      : await heldOutFiles(limited, dataSources(data.eval), data, options);
  const weighted = applyWeights(train, entries, sources, options.seed);
  return {
    train: weighted.pairs,
    eval: held,
    sources: [...sources, ...heldSources],
    notes: [...sharedPairNotes(sources), ...notes, ...weighted.notes],
  };
}

interface HeldOut {
  readonly train: readonly PreferencePair[];
  readonly held: readonly PreferencePair[];
  readonly heldSources: readonly PreferenceData[];
  readonly notes: readonly string[];
}

function splitOff(pairs: readonly PreferencePair[], evalSpec: number, seed: number): HeldOut {
  const split = splitPairs(pairs, evalSpec, seed);
  const none = evalSpec > 0 && split.eval.length === 0;
  const notes = none
    ? [`data.eval ${evalSpec} of ${pairs.length} pairs holds out none; give a number of pairs to be sure`]
    : [];
  return { train: split.train, held: split.eval, heldSources: [], notes };
}

async function heldOutFiles(
  train: readonly PreferencePair[],
  entries: readonly DataSourceConfig[],
  data: DataConfig,
  options: LoadDataOptions,
): Promise<HeldOut> {
  const heldSources = await readAll(entries, data, options);
  const trained = new Set(train.map(({ promptId }) => promptId));
  const notes = heldSources.flatMap(({ source, pairs }) => {
    const shared = pairs.filter(({ promptId }) => trained.has(promptId)).length;
    return shared === 0
      ? []
      : [`${shared} of ${pairs.length} pairs of ${source} have a prompt that is also trained on`];
  });
  return { train, held: heldSources.flatMap(({ pairs }) => pairs), heldSources, notes };
}

/** Reads the entries one after the other. What an entry does not say is as the run says. */
async function readAll(
  entries: readonly DataSourceConfig[],
  data: DataConfig,
  { seed, signal, hub }: LoadDataOptions,
): Promise<PreferenceData[]> {
  const { format, columns, verdict, messages, ignore, pairing, score, lower_is_better, strict } = data;
  const shared = { format, columns, verdict, messages, ignore, pairing, score, lower_is_better, strict };
  const read: PreferenceData[] = [];
  for (const { path, weight: _, ...own } of entries) {
    const { lower_is_better: lowerIsBetter, ...settings } = { ...shared, ...own };
    const maxUnpackedBytes = data.max_unpacked_gb * 1e9;
    read.push(await readPreferenceData(path, { ...settings, lowerIsBetter, maxUnpackedBytes, seed, signal, hub }));
  }
  return read;
}

/** The training pairs as often as the weights of their entries say; held-out pairs never come here. */
function applyWeights(
  train: readonly PreferencePair[],
  entries: readonly DataSourceConfig[],
  sources: readonly PreferenceData[],
  seed: number,
): { readonly pairs: readonly PreferencePair[]; readonly notes: readonly string[] } {
  if (entries.every(({ weight = 1 }) => weight === 1)) return { pairs: train, notes: [] };
  const entryOf = new Map(sources.flatMap(({ pairs }, index) => pairs.map((pair) => [pair, index] as const)));
  const parts = entries.map(({ weight = 1 }, index) => {
    const own = train.filter((pair) => entryOf.get(pair) === index);
    const kept = weight === 1 ? own : weightPairs(own, weight, seed);
    const note = `${sources[index]?.source}: weight ${weight}: an epoch has ${kept.length} pairs of its ${own.length} for training`;
    return { kept, note };
  });
  return { pairs: parts.flatMap(({ kept }) => kept), notes: parts.map(({ note }) => note) };
}
