/** Data sets of the Hugging Face hub, `hub:ORGANISATION/NAME[:SPLIT]`, read by whoever can: a function given by the caller. */
import { MrpoError } from '../../core/errors.js';
import { parseJsonRow } from './json-row.js';
import type { RawRow, RowSource } from './source.js';

/** Rows of a hub data set as JSON texts, in order. The backend's `readDataset` is one. */
export type HubReader = (dataset: string, options: { readonly split?: string }) => AsyncIterable<string>;

const BATCH_ROWS = 512;

export interface HubSource {
  readonly dataset: string;
  readonly split: string | undefined;
}

/** Takes `hub:ID[:split]` apart; `undefined` if the source is a file. @throws MrpoError `config` if there is no id. */
export function parseHubSource(source: string): HubSource | undefined {
  if (!source.startsWith('hub:')) return undefined;
  const [dataset = '', split, ...more] = source.slice(4).split(':');
  if (!/^[\w.-]+(\/[\w.-]+)?$/.test(dataset) || split === '' || more.length > 0) {
    throw new MrpoError('config', `${source}: expected hub:ORGANISATION/NAME or hub:ORGANISATION/NAME:SPLIT`);
  }
  return { dataset, split };
}

/** @throws MrpoError `data` without a reader: nothing here talks to the network. */
export function openHub(source: string, { dataset, split }: HubSource, reader: HubReader | undefined): RowSource {
  if (reader === undefined) {
    throw new MrpoError('data', `${source}: hub data sets are read through the backend, and none was given`);
  }
  return {
    kind: `hub data set, split ${split ?? 'train'}`,
    place: 'row',
    notes: [],
    batches: hubRows(reader(dataset, split === undefined ? {} : { split })),
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
