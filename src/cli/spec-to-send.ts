/** A configuration as a service takes it: without a folder, for that is the service's to choose. */
import { existsSync, statSync } from 'node:fs';
import type { RunConfig, RunConfigInput } from '../config/index.js';
import type { RunsClient } from '../service/client/connect.js';
import type { CliIo } from './command.js';

type Source = string | { readonly path: string };

/** @param service Gets the preference files; undefined = it reads them where they are. */
export async function specToSend(
  config: RunConfig,
  service: RunsClient | undefined,
  io: CliIo,
): Promise<RunConfigInput> {
  const { output, $schema: _, data, ...rest } = config;
  const trackers = typeof output === 'string' ? {} : { output: { report_to: output.report_to } };
  if (service === undefined) return { ...rest, data, ...trackers };
  const sent = async (path: string): Promise<string> => {
    if (path.startsWith('hub:') || !existsSync(path) || !statSync(path).isFile()) return path;
    io.note(`sending ${path}\n`);
    return service.upload(path);
  };
  const source = async <T extends Source>(entry: T): Promise<T> =>
    (typeof entry === 'string' ? await sent(entry) : { ...(entry as object), path: await sent(entry.path) }) as T;
  const all = async <T extends Source>(entries: T | T[]): Promise<T | T[]> =>
    Array.isArray(entries) ? Promise.all(entries.map(source)) : source(entries);
  const located = {
    train: await all(data.train),
    eval: typeof data.eval === 'number' ? data.eval : await all(data.eval),
  };
  return { ...rest, data: { ...data, ...located }, ...trackers };
}
