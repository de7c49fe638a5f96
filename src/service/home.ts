/**
 * The service's folder:
 *
 * | file                       | what                                                                          |
 * |----------------------------|-------------------------------------------------------------------------------|
 * | index.sqlite               | states and events of all runs; made anew from the folders if it is gone       |
 * | audit.jsonl                | every call: when, who, what, how it ended                                     |
 * | runs/ID/order.json         | what was ordered, by whom                                                     |
 * | runs/ID/journal.jsonl      | everything that has happened to the run, one event a line                     |
 * | runs/ID/log.txt            | what its processes have said                                                  |
 * | runs/ID/run/               | the run folder, as of `mrpo train`                                            |
 * | uploads/SHA256/NAME        | preference files that were sent                                               |
 */
import { join, resolve } from 'node:path';

/** Paths of what the service keeps of one run. */
export interface RunHome {
  readonly id: string;
  /** Absolute, as the rest. */
  readonly path: string;
  /** File of what was ordered. */
  readonly order: string;
  /** File of what has happened. */
  readonly journal: string;
  /** File of what its processes have written. */
  readonly log: string;
  /** The run folder. */
  readonly run: string;
}

/** Paths of what the service keeps. All absolute; nothing of them needs to exist. */
export interface ServiceHome {
  readonly path: string;
  readonly index: string;
  readonly audit: string;
  readonly runs: string;
  readonly uploads: string;
  run(id: string): RunHome;
}

/** The paths in a folder. Reads and makes nothing. */
export function serviceHome(path: string): ServiceHome {
  const home = resolve(path);
  const runs = join(home, 'runs');
  return {
    path: home,
    index: join(home, 'index.sqlite'),
    audit: join(home, 'audit.jsonl'),
    runs,
    uploads: join(home, 'uploads'),
    run: (id) => runHome(join(runs, id), id),
  };
}

/** The paths of one run. @param path The folder of the run in the service's, not the run folder inside it. */
export const runHome = (path: string, id: string): RunHome => ({
  id,
  path,
  order: join(path, 'order.json'),
  journal: join(path, 'journal.jsonl'),
  log: join(path, 'log.txt'),
  run: join(path, 'run'),
});

/** What may be the id of a run: it is the name of a folder and travels in addresses. */
export const isRunId = (id: string): boolean => /^[a-z0-9][a-z0-9._-]{0,62}$/.test(id) && !id.includes('..');
