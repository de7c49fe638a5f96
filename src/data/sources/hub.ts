/** Data sets of the Hugging Face hub, `hub:ORGANISATION/NAME[:CONFIG][:SPLIT]`, read by whoever can: a function given by the caller. */
import { MrpoError } from '../../core/errors.js';
import { parseJsonRow } from './json-row.js';
import type { RawRow, RowSource } from './source.js';

/** Which part of a hub data set is read. */
export interface HubReadOptions {
  /** Default: the data set's only configuration. */
  readonly configuration?: string;
  /** Default `train`. */
  readonly split?: string;
  /** Branch, tag or commit. Default: the default branch. */
  readonly revision?: string;
}

/** Rows of a hub data set as JSON texts, in order. The backend's `readDataset` is one. */
export type HubReader = (dataset: string, options: HubReadOptions) => AsyncIterable<string>;

const BATCH_ROWS = 512;

/** A parsed `hub:` source. */
export interface HubSource extends HubReadOptions {
  /** ORGANISATION/NAME. */
  readonly dataset: string;
}

const SHAPE =
  'hub:ORGANISATION/NAME, hub:ORGANISATION/NAME:SPLIT or hub:ORGANISATION/NAME:CONFIG:SPLIT, with letters, digits, dots, dashes and underscores';

/**
 * Takes `hub:ID[:config][:split]` apart; `undefined` if the source is a file.
 * @param settings said beside the name.
 * @throws MrpoError `config` if there is no id, or a configuration or split is said twice.
 */
export function parseHubSource(
  source: string,
  settings: {
    readonly config?: string | undefined;
    readonly split?: string | undefined;
    readonly revision?: string | undefined;
  } = {},
): HubSource | undefined {
  if (!source.startsWith('hub:')) return undefined;
  const [dataset = '', ...parts] = source.slice(4).split(':');
  const [split, config, ...more] = parts.reverse();
  if (!/^[\w.-]+(\/[\w.-]+)?$/.test(dataset) || parts.some((part) => !/^[\w.-]+$/.test(part)) || more.length > 0) {
    throw new MrpoError('config', `${source}: expected ${SHAPE}`, {
      hint: parts.some((part) => part.includes('[')) ? 'A part of a split is taken with data.limit.' : undefined,
    });
  }
  const once = (name: string, inName: string | undefined, beside: string | undefined): string | undefined => {
    if (inName === undefined || beside === undefined || inName === beside) return inName ?? beside;
    throw new MrpoError(
      'config',
      `${source}: its ${name} is ${inName} by its name and ${beside} by the setting beside it`,
    );
  };
  const found = {
    configuration: once('configuration', config, settings.config),
    split: once('split', split, settings.split),
    revision: settings.revision,
  };
  const said = Object.entries(found).filter(([, value]) => value !== undefined);
  return { dataset, ...(Object.fromEntries(said) as HubReadOptions) };
}

/** Opens a part of a hub data set. @throws MrpoError `data` without a reader: nothing here talks to the network. */
export function openHub({ dataset, ...options }: HubSource, reader: HubReader | undefined): RowSource {
  if (reader === undefined) {
    throw new MrpoError('data', `hub:${dataset}: hub data sets are read through the backend, and none was given`);
  }
  const parts = [
    ...(options.configuration === undefined ? [] : [`configuration ${options.configuration}`]),
    `split ${options.split ?? 'train'}`,
  ];
  return {
    kind: `hub data set, ${parts.join(', ')}`,
    place: 'row',
    notes: [],
    batches: hubRows(reader(dataset, options)),
  };
}

async function* hubRows(rows: AsyncIterable<string>): AsyncGenerator<readonly RawRow[]> {
  let line = 0;
  let batch: RawRow[] = [];
  for await (const row of rows) {
    batch.push({ line: ++line, ...parseJsonRow(Buffer.from(row)) });
    if (batch.length < BATCH_ROWS) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}
