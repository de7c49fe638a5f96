/** Reads and splits the pairs of a run, and reports what was understood, dropped or odd. */
import { dataSourceNames } from '../config/index.js';
import type { RunConfig } from '../config/schema.js';
import { dropReasons, loadData, pairPlace, type PreferenceData, type PreferencePair } from '../data/index.js';
import type { OpenBackend } from './with-backend.js';

/** The pairs of a run, read and split. */
export interface PreparedPairs {
  readonly train: readonly PreferencePair[];
  readonly heldOut: readonly PreferencePair[];
  /** How messages name a pair. */
  readonly nameOf: (pair: PreferencePair) => string;
  /** The training data as the configuration names it. */
  readonly file: string;
  /** Names of the formats that were recognised, joined by commas. */
  readonly format: string;
  /** Rows, and single pairs of rows with several, that cannot be used: how many, by reason; all files together. */
  readonly dropped: Readonly<Record<string, number>>;
}

/**
 * Reads the data of a configuration; notes say what was understood, dropped or unusual.
 * @throws MrpoError `data` if a file cannot be read or leaves nothing to train on.
 */
export async function preparePairs(
  config: RunConfig,
  options: {
    readonly open: OpenBackend;
    readonly signal?: AbortSignal | undefined;
    readonly note: (message: string) => void;
  },
): Promise<PreparedPairs> {
  const { open, signal } = options;
  const data = await loadData(config.data, {
    seed: config.training.seed,
    signal,
    hub: async function* (dataset, part) {
      yield* (await open()).readDataset(dataset, { signal, ...part });
    },
  });
  for (const source of data.sources) for (const message of notesOf(source)) options.note(message);
  for (const message of data.notes) options.note(message);
  return {
    train: data.train,
    heldOut: data.eval,
    nameOf: pairPlace,
    file: dataSourceNames(config.data.train),
    format: [...new Set(data.sources.map(({ format }) => format))].join(', '),
    dropped: Object.fromEntries(
      dropReasons(data.sources.flatMap(({ dropped }) => dropped)).map(({ reason, count }) => [reason, count]),
    ),
  };
}

function notesOf(source: PreferenceData): string[] {
  const { counts, duplicates, contradictions } = source;
  const opening = `${source.source}: ${counts.pairs} pairs (${source.kind}, format "${source.format}")`;
  const drops = dropReasons(source.dropped).map(
    ({ reason, count, firstLine }) =>
      `${source.source}: ${count} rows dropped: ${reason} (first: ${source.place} ${firstLine})`,
  );
  const odd = [
    ...(duplicates > 0 ? [`${source.source}: ${duplicates} pairs are there more than once; they are kept`] : []),
    ...(contradictions > 0 ? [`${source.source}: ${contradictions} pairs contradict another pair; they are kept`] : []),
  ];
  return [opening, ...drops, ...odd, ...source.notes.map((note) => `${source.source}: ${note}`)];
}
