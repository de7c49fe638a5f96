/** What RUN of `mrpo runs` means: a run of a service, by its id, or a run folder. */
import { resolve } from 'node:path';
import { MrpoError } from '../../core/errors.js';
import { isRunFolder } from '../../sdk/index.js';
import type { RunsClient } from '../../service/client/connect.js';
import { readServiceNote, type ServiceNote } from '../../store/service-note.js';
import type { CliIo } from '../command.js';
import { connectService, serviceAddress } from '../service-client.js';

/** A run that was named. At least one of both is there: the folder of a run of a service has its note. */
export interface NamedRun {
  /** Absolute path of the folder that was named. */
  readonly folder?: string;
  /** Which run of which service it is. */
  readonly at?: ServiceNote;
}

/** What no id has. */
const isPath = (run: string): boolean => /[/\\]/.test(run) || run === '.' || run === '..';

/**
 * A path is a folder, and so is the name of a folder that holds a run; anything else is an id where `--service` or
 * MRPO_SERVICE names a service.
 * @throws MrpoError `usage` for a path beside `--service`, and for a name that is nothing here.
 */
export async function namedRun(run: string, flag: string | undefined, io: CliIo): Promise<NamedRun> {
  const folder = resolve(io.cwd, run);
  if (flag !== undefined) {
    if (!isPath(run)) return { at: { address: flag, id: run } };
    throw new MrpoError('usage', `--service ${flag}: ${run} is a path; a service knows its runs by their ids`, {
      hint: `Leave out --service to mean the folder, or take an id from: mrpo runs list --service ${flag}`,
    });
  }
  const at = await readServiceNote(folder);
  if (at !== undefined) return { folder, at };
  if (isPath(run) || (await isRunFolder(folder))) return { folder };
  const address = serviceAddress(io, undefined);
  if (address !== undefined) return { at: { address, id: run } };
  throw new MrpoError('usage', `${folder} is not a run folder`, {
    hint: 'Name the folder that "output" of the configuration named. For a run of a service, say which: --service or MRPO_SERVICE.',
  });
}

/** Works on a run of a service. @throws MrpoError `usage` with `hint` for one that is only a folder. */
export async function withServiceRun<T>(
  named: NamedRun,
  io: CliIo,
  hint: string,
  work: (service: RunsClient, run: ServiceNote) => Promise<T>,
): Promise<T> {
  const { folder, at } = named;
  if (at === undefined) throw new MrpoError('usage', `${folder} is a run of this machine, and of no service`, { hint });
  await using service = connectService(io, at.address, io.signal);
  return await work(service, at);
}
