/** Scores that another machine exported, checked row by row and added to a cache all at once or not at all. */
import { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects, type FileMetaData } from 'hyparquet';
import { compressors } from 'hyparquet-compressors';
import { MrpoError } from '../../core/errors.js';
import type { LogpCache } from './cache.js';
import { createBatches, footerSchema, FOOTER_KEY, fromParquetRow } from './parquet-format.js';

/** What an imported file brought. */
export interface ImportResult {
  /** Models in the file; one under two rules counts once. */
  readonly models: number;
  /** Pairs that were new here. */
  readonly added: number;
  /** Pairs that were here already; their own scores are kept. */
  readonly known: number;
}

/**
 * Adds the scores of a file that {@link exportCache} wrote.
 * @throws MrpoError `data` if the file is not an exported cache or a row of it is wrong; nothing is added then.
 */
export async function importCache(cache: LogpCache, path: string): Promise<ImportResult> {
  const { file, metadata } = await open(path);
  const footer = readFooter(path, metadata);
  const batches = createBatches();
  let rowStart = 0;
  for (const group of metadata.row_groups) {
    const rowEnd = rowStart + Number(group.num_rows);
    const rows = await parquetReadObjects({ file, metadata, rowStart, rowEnd, compressors }).catch((cause: unknown) => {
      throw refused(path, `rows ${rowStart + 1} to ${rowEnd} cannot be read`, cause);
    });
    rows.forEach((row, i) => {
      const read = fromParquetRow(row);
      if (typeof read === 'string') throw refused(path, `row ${rowStart + i + 1}: ${read}`);
      batches.add(read.key, read.label, read.score);
    });
    rowStart = rowEnd;
  }
  const all = batches.all();
  const added = cache.absorb(
    all,
    footer.models.map((model) => ({ ...model, files: '' })),
  );
  const models = new Set(all.map(({ key }) => key.weights)).size;
  return { models, added, known: rowStart - added };
}

async function open(
  path: string,
): Promise<{ file: Awaited<ReturnType<typeof asyncBufferFromFile>>; metadata: FileMetaData }> {
  try {
    const file = await asyncBufferFromFile(path);
    return { file, metadata: await parquetMetadataAsync(file) };
  } catch (cause) {
    throw refused(path, 'it cannot be read as Parquet', cause);
  }
}

function readFooter(path: string, metadata: FileMetaData): ReturnType<typeof footerSchema.parse> {
  const text = metadata.key_value_metadata?.find(({ key }) => key === FOOTER_KEY)?.value;
  if (text === undefined) throw refused(path, 'it was not written by "mrpo cache export"');
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw refused(path, 'its footer is damaged', cause);
  }
  const footer = footerSchema.safeParse(value);
  if (!footer.success)
    throw refused(path, `its footer is of another version: ${footer.error.issues[0]?.message ?? ''}`);
  return footer.data;
}

function refused(path: string, why: string, cause?: unknown): MrpoError {
  const said = cause instanceof Error ? `: ${cause.message}` : '';
  return new MrpoError('data', `${path}: not an exported log-prob cache: ${why}${said}`, { cause });
}
