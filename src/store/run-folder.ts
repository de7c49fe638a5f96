/**
 * The folder of a run, which a person can read:
 *
 * | file            | what                                                                                 |
 * |-----------------|--------------------------------------------------------------------------------------|
 * | config.yaml     | the configuration with every default applied, and its hash                           |
 * | run.json        | status, versions, hardware, timings, counts ({@link RunRecord})                      |
 * | metrics.jsonl   | one object per logged step and per evaluation, names as in TRL                       |
 * | held-out.jsonl  | per held-out pair: log-probs before training and at the last evaluation              |
 * | checkpoints/    | states that the run can go on from                                                   |
 * | scores.safetensors | the references' log-probs that the training goes by                               |
 * | samples.jsonl   | answers to held-out prompts before and after training                                |
 * | adapter/        | the adapter in PEFT format with a model card (`model/` after full fine-tuning)       |
 * | weights/        | the trained weights as they are, where the export of a run has failed                |
 * | report.html     | everything above on one page                                                         |
 */
import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join, resolve } from 'node:path';
import { parse } from 'yaml';
import type { RunConfig } from '../config/schema.js';
import { MrpoError } from '../core/errors.js';
import { processExists } from '../core/process-owner.js';
import { isTemporary } from '../core/temporary-file.js';
import { readJsonLines } from './json-lines.js';
import { LOCK_FILE, lockRun, type RunLock } from './run-lock.js';
import type { RunRecord } from './run-record.js';
import { writeNewFile } from './atomic-file.js';
import { refuseRunOfService } from './service-note.js';

/** Names inside a run's folder, by what they hold. */
export const RUN_FILES = {
  config: 'config.yaml',
  record: 'run.json',
  metrics: 'metrics.jsonl',
  heldOut: 'held-out.jsonl',
  samples: 'samples.jsonl',
  report: 'report.html',
  checkpoints: 'checkpoints',
  scores: 'scores.safetensors',
  adapter: 'adapter',
  model: 'model',
  weights: 'weights',
} as const;

/** Paths of one run; nothing of them needs to exist. */
export interface RunFolder {
  /** Absolute. */
  readonly path: string;
  /** Absolute path of one of {@link RUN_FILES}. */
  file(name: keyof typeof RUN_FILES): string;
}

/** A line of metrics.jsonl as it is read: `step`, `epoch` and metrics; evaluations have names that begin with `eval_`. */
export type MetricsLine = Readonly<Record<string, unknown>>;

/** A run read back from its folder. */
export interface StoredRun {
  readonly folder: RunFolder;
  /** Every default applied, paths absolute. */
  readonly config: RunConfig;
  /** With a status that is true now, also where the run's process was killed. */
  readonly record: RunRecord;
  /** Lines of metrics.jsonl in order. */
  readonly metrics: readonly MetricsLine[];
  /** Lines of held-out.jsonl, one per pair; empty before the first evaluation. */
  readonly heldOut: readonly Readonly<Record<string, unknown>>[];
  /** Lines of samples.jsonl, one per answer. */
  readonly samples: readonly Readonly<Record<string, unknown>>[];
}

/** First words of a run's `config.yaml`: nobody's own file begins so. */
export const CONFIG_HEADER = '# Resolved configuration of this run';

/**
 * Makes the folder of a new run, with its configuration in it, and takes it for this process. A run never writes over
 * anything; only what is left of a run that ended before it had any result (a wrong path, a missing field, a kill right
 * at its start) makes room for the next try. Of several runs that want one folder at once, one gets it.
 * @throws MrpoError `config` if something else is there already, `usage` if another process works on it.
 */
export async function createRunFolder(path: string, config: string): Promise<{ folder: RunFolder; lock: RunLock }> {
  const folder = runFolder(path);
  let lock: RunLock | undefined;
  try {
    await mkdir(folder.path, { recursive: true });
    await refuseRunOfService(folder.path);
    await requireWithoutResult(folder); // before anything is written into a folder that may be somebody's
    lock = await lockRun(folder);
    const left = await requireWithoutResult(folder);
    await Promise.all(left.map((name) => rm(join(folder.path, name), { force: true })));
    if (!(await writeNewFile(folder.file('config'), config))) throw notEmpty(folder, [RUN_FILES.config]);
    return { folder, lock };
  } catch (thrown) {
    await lock?.release();
    if (thrown instanceof MrpoError) throw thrown;
    const { code, message } = thrown as NodeJS.ErrnoException;
    const what =
      code === 'EEXIST' || code === 'ENOTDIR' ? 'is a file, or lies under one' : `cannot be made: ${message}`;
    throw new MrpoError('config', `output: ${folder.path} ${what}; expected a new or empty folder`, { cause: thrown });
  }
}

/** What is said of an output folder that holds something else. @param present Names in it. */
export function notEmpty(folder: RunFolder, present: readonly string[]): MrpoError {
  const shown = `${present.slice(0, 3).join(', ')}${present.length > 3 ? ', ...' : ''}`;
  const goOn = present.includes(RUN_FILES.record)
    ? `Go on with the run in it: mrpo resume ${folder.path}. Or name`
    : 'Name';
  return new MrpoError(
    'config',
    `output: ${folder.path} is not empty (it holds ${shown}); expected a new or empty folder`,
    { hint: `${goOn} another folder with --set output=FOLDER, or move the old one away.` },
  );
}

/** Files that say how a run was meant and that it failed, and nothing that it found out. */
const WITHOUT_RESULT: readonly string[] = [RUN_FILES.config, RUN_FILES.record, RUN_FILES.report];

/** @returns what a run without result, or one that was killed before it had a record, has left. */
async function requireWithoutResult(folder: RunFolder): Promise<readonly string[]> {
  const names = (await readdir(folder.path)).filter((name) => name !== LOCK_FILE);
  const present = names.filter((name) => !isTemporary(name));
  if (present.some((name) => !WITHOUT_RESULT.includes(name))) throw notEmpty(folder, present);
  if (present.includes(RUN_FILES.record)) {
    const { status } = (await readRun(folder.path)).record;
    if (status !== 'failed' && status !== 'cancelled') throw notEmpty(folder, present);
  } else if (present.length > 0) {
    const config = await readFile(folder.file('config'), 'utf8').catch(() => '');
    if (!config.startsWith(CONFIG_HEADER)) throw notEmpty(folder, present);
  }
  return names;
}

/** Whether a path is the folder of a run. */
export async function isRunFolder(path: string): Promise<boolean> {
  return readFile(join(path, RUN_FILES.record)).then(
    () => true,
    () => false,
  );
}

/**
 * Reads a run, finished or not.
 * @example
 * const { record, metrics } = await readRun('runs/mine');
 * console.log(record.status, metrics.length);
 * @throws MrpoError `usage` if the path is not a run folder, `data` if its files cannot be understood.
 */
export async function readRun(path: string): Promise<StoredRun> {
  const folder = runFolder(path);
  if (!(await isRunFolder(folder.path))) {
    throw new MrpoError('usage', `${folder.path} is not a run folder: it has no ${RUN_FILES.record}`, {
      hint: 'Name the folder that "output" of the configuration named.',
    });
  }
  try {
    const record = JSON.parse(await readFile(folder.file('record'), 'utf8')) as RunRecord;
    const config = parse(await readFile(folder.file('config'), 'utf8')) as RunConfig;
    const [metrics, heldOut, samples] = await Promise.all([
      readJsonLines(folder.file('metrics')),
      readJsonLines(folder.file('heldOut')),
      readJsonLines(folder.file('samples')),
    ]);
    return { folder, config, record: noteLostProcess(record), metrics, heldOut, samples };
  } catch (cause) {
    throw new MrpoError(
      'data',
      `run folder ${folder.path} cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`,
      { cause },
    );
  }
}

/** The paths of a run in `path`, which is taken relative to the current folder. Reads and makes nothing. */
export function runFolder(path: string): RunFolder {
  const absolute = resolve(path);
  return { path: absolute, file: (name) => join(absolute, RUN_FILES[name]) };
}

/** A run that says it goes on, by a process of this machine that is gone, was killed before it could say so. */
function noteLostProcess(record: RunRecord): RunRecord {
  const unfinished = record.status === 'running' || record.status === 'pending';
  if (!unfinished || record.machine.host !== hostname() || processExists(record.machine.processId)) return record;
  return {
    ...record,
    status: 'failed',
    reason: `process ${record.machine.processId} exited without recording a status while at: ${record.stage}`,
  };
}

/** Removes files that a killed process has left half-written; only for who has the run to itself. */
export async function sweepTemporaries(folder: RunFolder): Promise<void> {
  const names = (await readdir(folder.path)).filter(isTemporary);
  await Promise.all(names.map((name) => rm(join(folder.path, name), { recursive: true, force: true })));
}
