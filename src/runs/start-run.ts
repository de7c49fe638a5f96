/** Starts a run, or goes on with one, and gives the handle to it: events, result, stop. */
import { randomBytes } from 'node:crypto';
import { basename } from 'node:path';
import { stringify } from 'yaml';
import { outputFolder, trackersOf, withOutputFolder, type LoadedConfig } from '../config/index.js';
import { secondsOf } from '../config/duration.js';
import { abortError } from '../core/abort.js';
import { MrpoError, toMrpoError } from '../core/errors.js';
import { withCustomLoss, type LossChoice } from './custom-loss.js';
import { createEventLog } from '../store/event-log.js';
import { writeFileAtomic } from '../store/atomic-file.js';
import { sweepCheckpoints } from '../store/checkpoints.js';
import type { RunEvent } from '../store/events.js';
import { executeRun } from './execute-run.js';
import { lockRun, type RunLock } from '../store/run-lock.js';
import { createRunRecordWriter, resumeRunRecord, type RunRecordWriter } from '../store/run-record-writer.js';
import { startTrackers } from '../trackers/trackers.js';
import type { CacheChoice, HelpersChoice, RunContext } from './run-context.js';
import {
  CONFIG_HEADER,
  createRunFolder,
  readRun,
  runFolder,
  sweepTemporaries,
  type RunFolder,
  type StoredRun,
} from '../store/run-folder.js';
import { refuseRunOfService } from '../store/service-note.js';
import { requireSettingsOfCheckpoint } from './resume-point.js';
import { withBackend, type BackendChoice } from './with-backend.js';
import { writeRunReport } from './write-run-report.js';

/** The signal does what {@link Run.stop} does. */
export interface StartOptions extends BackendChoice, CacheChoice, LossChoice, HelpersChoice {}

/** How a run that goes on is started. */
export interface ContinueOptions extends StartOptions {
  /** A run that is finished is no error: its result is given again. For jobs that are started until they are done. */
  readonly acceptFinished?: boolean | undefined;
}

/** How a run ended, with its folder read back. */
export interface RunResult {
  /** `cancelled`: stopped on request; what was trained until then is in the folder, if training had begun. */
  readonly status: 'succeeded' | 'cancelled';
  /** The run's folder as it is at the end. */
  readonly run: StoredRun;
}

/** A run that is going on. */
export interface Run {
  /** Time of the start and a random part. */
  readonly id: string;
  /** Absolute path of the run folder. */
  readonly folder: string;
  /** Absolute path of the page that shows the run; it is written when the run ends. */
  readonly reportPath: string;
  /**
   * What happens, from the start whenever one begins to listen; of more than 2000 steps the oldest may be missing then
   * (metrics.jsonl has them all). Ends with the run and never throws.
   */
  readonly events: AsyncIterable<RunEvent>;
  /** Rejects with the error that the run failed with; the folder says it too. */
  readonly result: Promise<RunResult>;
  /** Ends the run: before training at once, in training at the next step boundary, with the adapter of that step. */
  stop(): void;
}

/**
 * Makes the run folder and starts. Resolves as soon as the folder exists.
 * @throws MrpoError `config` if the output folder is not empty; nothing has been written then.
 */
export async function beginRun(given: LoadedConfig, options: StartOptions = {}): Promise<Run> {
  const loaded = withCustomLoss(given, options);
  const { folder, lock } = await createRunFolder(outputFolder(loaded.config.output), configText(loaded));
  const id = `${new Date().toISOString().slice(0, 19).replace(/[:T]/g, '-')}-${randomBytes(3).toString('hex')}`;
  const runRecord = await createRunRecordWriter(folder, id, loaded.hash);
  return begin({ loaded, folder, lock, runRecord, resumed: false }, options);
}

/**
 * Goes on with a run whose process has ended, from its newest checkpoint, or from the start if it has none.
 * @param given The configuration to go on with: the run's own, or one that differs in what may change.
 * @throws MrpoError `usage` if the run is finished or another process works on it, `config` if its checkpoint belongs to
 * another configuration or the run is one of a service; nothing has been changed then.
 */
export async function continueRun(path: string, given: LoadedConfig, options: ContinueOptions = {}): Promise<Run> {
  const folder = runFolder(path);
  await refuseRunOfService(folder.path);
  const loaded = withOutput(withCustomLoss(given, options), folder.path);
  const lock = await lockRun(folder);
  try {
    const stored = await readRun(folder.path);
    const { record, metrics } = stored;
    if (record.status === 'succeeded' && record.configHash === loaded.hash) {
      if (options.acceptFinished === true) return await finishedRun(stored, lock);
      throw new MrpoError('usage', `run ${folder.path} is finished; there is nothing to go on with`, {
        hint: 'To train it further, change its length: --set training.epochs=NUMBER.',
      });
    }
    await requireSettingsOfCheckpoint(folder, loaded.config);
    sweepCheckpoints(folder);
    await sweepTemporaries(folder);
    await writeFileAtomic(folder.file('config'), configText(loaded));
    const runRecord = await resumeRunRecord(folder, record, loaded.hash, lastStepOf(metrics));
    return begin({ loaded, folder, lock, runRecord, resumed: true }, options);
  } catch (thrown) {
    await lock.release();
    throw thrown;
  }
}

/** A run that is over, with what a process that was killed right behind its end has left undone. */
async function finishedRun(run: StoredRun, lock: RunLock): Promise<Run> {
  const { folder, record } = run;
  sweepCheckpoints(folder);
  await sweepTemporaries(folder);
  await writeRunReport(run);
  await lock.release();
  const log = createEventLog<RunEvent>({ replaces: () => false, forgettable: () => false });
  log.push({ type: 'note', message: `run ${folder.path} is finished already` });
  log.push({ type: 'finished', status: 'succeeded', folder: folder.path });
  log.end();
  const result = Promise.resolve({ status: 'succeeded' as const, run });
  const names = { id: record.id, folder: folder.path, reportPath: folder.file('report') };
  return { ...names, events: log.events, result, stop: () => undefined };
}

interface TakenRun {
  readonly loaded: LoadedConfig;
  readonly folder: RunFolder;
  readonly lock: RunLock;
  readonly runRecord: RunRecordWriter;
  readonly resumed: boolean;
}

function begin(taken: TakenRun, options: StartOptions): Run {
  const { loaded, folder, lock, runRecord, resumed } = taken;
  const { id } = runRecord.record;
  const log = createEventLog<RunEvent>({
    replaces: (event, previous) =>
      event.type === 'progress' &&
      previous.type === 'progress' &&
      event.what === previous.what &&
      event.work === previous.work,
    forgettable: ({ type }) => type === 'step' || type === 'progress', // metrics.jsonl has the steps
  });
  const stop = new AbortController();
  const forward = (): void => stop.abort(options.signal?.reason);
  if (options.signal?.aborted === true) forward();
  else options.signal?.addEventListener('abort', forward, { once: true });
  const timer = stopAfter(loaded.config.training.max_seconds, stop);

  log.push({ type: 'started', id, folder: folder.path });
  const context = {
    loaded,
    folder,
    runRecord,
    resumed,
    emit: (event: RunEvent) => log.push(event),
    signal: stop.signal,
  };
  const result = runToEnd(context, options, lock).finally(() => {
    clearTimeout(timer);
    options.signal?.removeEventListener('abort', forward);
    log.end();
  });
  result.catch(() => undefined); // whoever only reads the events learns of it there
  return {
    id,
    folder: folder.path,
    reportPath: folder.file('report'),
    events: log.events,
    result,
    stop: () => stop.abort(abortError()),
  };
}

/** A stop that the configuration asks for. */
class TimeIsOver extends MrpoError {}

/** The longest time that Node's timers know. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

function stopAfter(limit: string | number | undefined, stop: AbortController): NodeJS.Timeout | undefined {
  const seconds = limit === undefined ? undefined : secondsOf(limit);
  if (seconds === undefined || seconds * 1000 > LONGEST_TIMER_MS) return undefined;
  const reason = new TimeIsOver('aborted', `training.max_seconds (${limit}) is over`);
  return setTimeout(() => stop.abort(reason), seconds * 1000).unref();
}

const withOutput = (loaded: LoadedConfig, output: string): LoadedConfig => ({
  ...loaded,
  config: { ...loaded.config, output: withOutputFolder(loaded.config.output, output) },
});

const lastStepOf = (metrics: StoredRun['metrics']): number =>
  metrics.reduce((last, { step }) => (typeof step === 'number' ? Math.max(last, step) : last), 0);

interface StartedRun extends Omit<TakenRun, 'lock'> {
  readonly emit: (event: RunEvent) => void;
  readonly signal: AbortSignal;
}

async function runToEnd(started: StartedRun, options: StartOptions, lock: RunLock): Promise<RunResult> {
  const { folder, runRecord, emit } = started;
  const outcome = await execute(started, options);
  const notWritten = (what: string, thrown: unknown): void =>
    emit({ type: 'note', message: `${what} could not be written: ${toMrpoError(thrown).message}` });
  const { status, error } = await runRecord.finish(outcome.status, outcome.error).then(
    () => outcome,
    (thrown: unknown): Outcome => {
      notWritten('the record of the run', thrown);
      // The error that the run itself failed with matters more.
      return outcome.status === 'succeeded' ? { status: 'failed', error: toMrpoError(thrown) } : outcome;
    },
  );
  const report = readRun(folder.path).then(writeRunReport);
  await report.catch((thrown: unknown) => notWritten('the report', thrown));
  await lock.release().catch((thrown: unknown) => notWritten('the end of the work on the folder', thrown));
  emit({ type: 'finished', status, folder: folder.path, reason: error?.message });
  if (status === 'failed') throw error;
  return { status, run: await readRun(folder.path) };
}

type Outcome =
  | { readonly status: 'succeeded' | 'cancelled'; readonly error?: MrpoError }
  | { readonly status: 'failed'; readonly error: MrpoError };

/** With trackers beside it, which hear how it ended. */
async function execute(started: StartedRun, options: StartOptions): Promise<Outcome> {
  const { loaded, folder, runRecord, emit } = started;
  const names = trackersOf(loaded.config.output);
  const trackers = startTrackers({
    names,
    run: { id: runRecord.record.id, name: basename(folder.path), folder: folder.path, config: loaded.config },
    env: options.env ?? process.env,
    note: (message) => emit({ type: 'note', message }),
  });
  const outcome = await attempt({ ...started, trackers }, options);
  await trackers.end(outcome.status);
  if (names.length === 0) return outcome;
  return runRecord.update({ trackers: trackers.facts }).then(
    () => outcome,
    () => outcome, // a record that cannot be written is reported where it must be
  );
}

async function attempt(started: StartedRun & Pick<RunContext, 'trackers'>, options: StartOptions): Promise<Outcome> {
  const { signal } = started;
  const { cache, customLoss, scoringBackends, env } = options;
  try {
    const { stopped } = await withBackend({ ...options, signal }, (open, renew) =>
      executeRun({ ...started, open, renew, cache, customLoss, scoringBackends, env }),
    );
    return stopped ? { status: 'cancelled', error: stopError(signal) } : { status: 'succeeded' };
  } catch (thrown) {
    const error = toMrpoError(thrown);
    const isStop = signal.aborted && error.code === 'aborted';
    return isStop ? { status: 'cancelled', error: stopError(signal) } : { status: 'failed', error };
  }
}

/** Why the run was stopped, where it is not that somebody wanted it. */
const stopError = (signal: AbortSignal): MrpoError =>
  signal.reason instanceof TimeIsOver ? signal.reason : abortError(signal);

const configText = ({ config, hash }: LoadedConfig): string =>
  `${CONFIG_HEADER}: every default applied, paths absolute.\n# hash: ${hash}\n${stringify(config)}`;
