/** Settings in which two runs differ, wherever each of them is. */
import { isRunFolder, readRun } from '../../sdk/index.js';
import { printJson, type CliIo } from '../command.js';
import { configDifferences } from '../config-diff.js';
import { textTable } from '../text-table.js';
import { namedRun, withServiceRun, type NamedRun } from './named-run.js';

/** Prints one line for each setting. */
export async function diffRuns(
  left: string,
  right: string,
  { service, json = false }: { readonly service?: string; readonly json?: boolean },
  io: CliIo,
): Promise<void> {
  const settings = async (run: string): Promise<object> => settingsOf(await namedRun(run, service, io), io);
  const differences = configDifferences(await settings(left), await settings(right));
  if (json) return printJson(io, differences);
  const text = (value: unknown): string => (value === undefined ? '-' : JSON.stringify(value));
  io.out(
    differences.length === 0
      ? 'the same settings\n'
      : textTable(
          ['setting', left, right],
          differences.map(({ key, left: a, right: b }) => [key, text(a), text(b)]),
        ),
  );
}

async function settingsOf(named: NamedRun, io: CliIo): Promise<object> {
  const { folder, at } = named;
  if (folder !== undefined && (at === undefined || (await isRunFolder(folder)))) return (await readRun(folder)).config;
  return withServiceRun(named, io, '', async (service, { id }) => (await service.get(id)).resolvedSpec ?? {});
}
