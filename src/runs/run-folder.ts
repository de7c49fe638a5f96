/**
 * The folder of a run, which a person can read:
 *
 * | file            | what                                                                                 |
 * |-----------------|--------------------------------------------------------------------------------------|
 * | config.yaml     | the configuration with every default applied, and its hash                           |
 * | run.json        | status, versions, hardware, timings, counts ({@link RunRecord})                      |
 * | metrics.jsonl   | one object per logged step and per evaluation, names as in TRL                       |
 * | held-out.jsonl  | per held-out pair: log-probs before training and at the last evaluation              |
 * | samples.jsonl   | answers to held-out prompts before and after training                                |
 * | adapter/        | the adapter in PEFT format with a model card (`model/` after full fine-tuning)       |
 * | report.html     | everything above on one page                                                         |
 */
import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join, resolve } from 'node:path';
import { parse } from 'yaml';
import type { RunConfig } from '../config/schema.js';
import { MrpoError } from '../core/errors.js';
import { readJsonLines } from './json-lines.js';
import type { RunRecord } from './run-record.js';

export const RUN_FILES = {
  config: 'config.yaml',
  record: 'run.json',
  metrics: 'metrics.jsonl',
  heldOut: 'held-out.jsonl',
  samples: 'samples.jsonl',
  report: 'report.html',
  adapter: 'adapter',
  model: 'model',
} as const;

export interface RunFolder {
  /** Absolute. */
  readonly path: string;
  file(name: keyof typeof RUN_FILES): string;
}

/** A run read back from its folder. */
export interface StoredRun {
  readonly folder: RunFolder;
  readonly config: RunConfig;
  readonly record: RunRecord;
  readonly metrics: readonly Readonly<Record<string, unknown>>[];
  readonly heldOut: readonly Readonly<Record<string, unknown>>[];
  readonly samples: readonly Readonly<Record<string, unknown>>[];
}

/**
 * Makes the folder of a new run. A run never writes over anything; only what is left of a run that ended before it had
 * any result (a wrong path, a missing field) makes room for the next try.
 * @throws MrpoError `config` if something else is there already.
 */
export async function createRunFolder(path: string): Promise<RunFolder> {
  const folder = runFolder(path);
  try {
    await mkdir(folder.path, { recursive: true });
    const present = await readdir(folder.path);
    if (await isWithoutResult(folder, present)) {
      await Promise.all(present.map((name) => rm(join(folder.path, name))));
    } else if (present.length > 0) {
      const shown = `${present.slice(0, 3).join(', ')}${present.length > 3 ? ', ...' : ''}`;
      throw new MrpoError(
        'config',
        `output: ${folder.path} is not empty (it holds ${shown}); expected a new or empty folder`,
        {
          hint: 'Name another folder with --set output=FOLDER, or move the old one away.',
        },
      );
    }
  } catch (thrown) {
    if (thrown instanceof MrpoError) throw thrown;
    const { code, message } = thrown as NodeJS.ErrnoException;
    const what =
      code === 'EEXIST' || code === 'ENOTDIR' ? 'is a file, or lies under one' : `cannot be made: ${message}`;
    throw new MrpoError('config', `output: ${folder.path} ${what}; expected a new or empty folder`, { cause: thrown });
  }
  return folder;
}

/** Files that say how a run was meant and that it failed, and nothing that it found out. */
const WITHOUT_RESULT: readonly string[] = [RUN_FILES.config, RUN_FILES.record, RUN_FILES.report];

async function isWithoutResult(folder: RunFolder, present: readonly string[]): Promise<boolean> {
  if (!present.includes(RUN_FILES.record) || present.some((name) => !WITHOUT_RESULT.includes(name))) return false;
  const { status } = (await readRun(folder.path)).record;
  return status === 'failed' || status === 'cancelled';
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

export function runFolder(path: string): RunFolder {
  const absolute = resolve(path);
  return { path: absolute, file: (name) => join(absolute, RUN_FILES[name]) };
}

/** A run that says it goes on, by a process of this machine that is gone, was killed before it could say so. */
function noteLostProcess(record: RunRecord): RunRecord {
  const unfinished = record.status === 'running' || record.status === 'pending';
  if (!unfinished || record.machine.host !== hostname() || processLives(record.machine.processId)) return record;
  return {
    ...record,
    status: 'failed',
    reason: `process ${record.machine.processId} ended without a word while at: ${record.stage}`,
  };
}

function processLives(processId: number): boolean {
  try {
    process.kill(processId, 0);
    return true;
  } catch (thrown) {
    return (thrown as NodeJS.ErrnoException).code === 'EPERM';
  }
}
