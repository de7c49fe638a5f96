/** A configuration as a service takes it: without a folder, for that is the service's to choose. */
import { existsSync, statSync } from 'node:fs';
import type { RunConfig, RunConfigInput } from '../config/index.js';
import type { RunsClient } from '../service/client/connect.js';
import type { CliIo } from './command.js';

type Source = string | { readonly path: string };

/** @param send Gives what stands for a preference file there; undefined = the service reads them where they are. */
export async function specToSend(
  config: RunConfig,
  send: ((path: string) => Promise<string>) | undefined,
): Promise<RunConfigInput> {
  const { output, $schema: _, data, ...rest } = config;
  const trackers = typeof output === 'string' ? {} : { output: { report_to: output.report_to } };
  if (send === undefined) return { ...rest, data, ...trackers };
  const sent = async (path: string): Promise<string> => {
    if (path.startsWith('hub:') || !existsSync(path) || !statSync(path).isFile()) return path;
    return send(path);
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

/** Sends preference files to a service, until Ctrl-C. */
export const sendingTo =
  (service: Pick<RunsClient, 'upload'>, { note, signal }: Pick<CliIo, 'note' | 'signal'>) =>
  (path: string): Promise<string> => {
    note(`sending ${path}\n`);
    return service.upload(path, { signal });
  };
