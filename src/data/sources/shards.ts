/** Several files that are one table: their rows one after the other, each with the file that it is in. */
import type { RowOrigin } from '../pair.js';
import type { DataFiles } from './data-files.js';
import type { RawRow, RowSource } from './source.js';

/** The first file is opened at once, to say what they are; each other one when its turn comes. */
export async function shardedSource(
  { files, notes }: DataFiles,
  open: (file: string) => Promise<RowSource>,
): Promise<RowSource> {
  const [path = '', ...others] = files;
  const first = await open(path);
  async function* rows(): AsyncGenerator<readonly RawRow[]> {
    yield* originated(path, first);
    for (const file of others) yield* originated(file, await open(file));
  }
  return {
    kind: files.length === 1 ? first.kind : `${files.length} files, ${first.kind}`,
    place: first.place,
    notes: [...notes, ...first.notes],
    batches: rows(),
  };
}

async function* originated(name: string, source: RowSource): AsyncGenerator<readonly RawRow[]> {
  const origin: RowOrigin = { name, place: source.place };
  for await (const rows of source.batches) yield rows.map((row) => ({ ...row, origin }));
}
