/**
 * A cache as one Parquet file, to carry scores from the machine with the GPU to another: one row per pair and scoring,
 * one row group or more per scoring, and in the footer how the models were asked for.
 */
import { renameSync, rmSync, statSync } from 'node:fs';
import { fileWriter, ParquetWriter } from 'hyparquet-writer';
import { MrpoError } from '../../core/errors.js';
import { temporaryBeside } from '../../core/temporary-file.js';
import type { LogpCache } from './cache.js';
import { FOOTER_KEY, FORMAT_VERSION, PARQUET_COLUMNS, toParquetRow } from './parquet-format.js';

/** What was written. `bytes` is the size of the file. */
export interface ExportResult {
  /** Models under a rule: one model under two rules counts twice. */
  readonly models: number;
  /** Rows, over all models. */
  readonly pairs: number;
  readonly bytes: number;
}

const ROWS_PER_GROUP = 100_000;

/**
 * Writes the whole cache; the file is complete or not there.
 * @throws MrpoError `environment` if it cannot be written, `data` if there is nothing to write.
 */
export async function exportCache(cache: LogpCache, path: string): Promise<ExportResult> {
  const entries = cache.entries().filter(({ pairs }) => pairs > 0);
  if (entries.length === 0)
    throw new MrpoError('data', `log-prob cache ${cache.path}: nothing to export, it holds no scores`);
  const temporary = temporaryBeside(path);
  let pairs = 0;
  try {
    const models = cache.knownModels().map(({ spec, identity }) => ({ spec, identity }));
    const writer = new ParquetWriter({
      writer: fileWriter(temporary),
      schema: [
        { name: 'root', num_children: PARQUET_COLUMNS.length },
        ...PARQUET_COLUMNS.map(({ name, schema }) => ({ name, ...schema })),
      ],
      kvMetadata: [{ key: FOOTER_KEY, value: JSON.stringify({ version: FORMAT_VERSION, models }) }],
      createdBy: 'mrpo',
    });
    for (const entry of entries) {
      const rows = cache.dump(entry).map((score) => toParquetRow(entry, score));
      pairs += rows.length;
      const columnData = PARQUET_COLUMNS.map(({ name }) => ({ name, data: rows.map((row) => row[name]) }));
      await writer.write({ columnData, rowGroupSize: ROWS_PER_GROUP });
    }
    await writer.finish();
    renameSync(temporary, path);
  } catch (cause) {
    rmSync(temporary, { force: true });
    if (cause instanceof MrpoError) throw cause;
    throw new MrpoError(
      'environment',
      `${path}: cannot be written: ${cause instanceof Error ? cause.message : String(cause)}`,
      { cause },
    );
  }
  return { models: entries.length, pairs, bytes: statSync(path).size };
}
