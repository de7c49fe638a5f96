/** `data.train` and `data.eval` as a user may write them, in one shape. */
import type { DataConfig, DataSourceConfig } from './schema.js';

/** One entry per file, folder, pattern or hub data set. */
export function dataSources(written: DataConfig['train'] | Exclude<DataConfig['eval'], number>): DataSourceConfig[] {
  const entries = Array.isArray(written) ? written : [written];
  return entries.map((entry) => (typeof entry === 'string' ? { path: entry } : entry));
}

/** The training data in a few words, for reports: its paths. */
export const dataSourceNames = (written: DataConfig['train']): string =>
  dataSources(written)
    .map(({ path }) => path)
    .join(', ');
