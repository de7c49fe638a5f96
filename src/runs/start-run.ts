/** Starts a run and gives the handle to it: events, result, stop. */
import { randomBytes } from 'node:crypto';
import { stringify } from 'yaml';
import type { LoadedConfig } from '../config/index.js';
import { abortError } from '../core/abort.js';
import { toMrpoError, type MrpoError } from '../core/errors.js';
import { withCustomLoss, type LossChoice } from './custom-loss.js';
import { createEventLog } from '../store/event-log.js';
import type { RunEvent } from '../store/events.js';
import { executeRun } from './execute-run.js';
import { createRunRecordWriter, type RunRecordWriter } from '../store/run-record-writer.js';
import type { CacheChoice } from './run-context.js';
import { createRunFolder, readRun, type RunFolder, type StoredRun } from '../store/run-folder.js';
import { withBackend, type BackendChoice } from './with-backend.js';
import { writeRunReport } from './write-run-report.js';

/** The signal does what {@link Run.stop} does. */
export interface StartOptions extends BackendChoice, CacheChoice, LossChoice {}

export interface RunResult {
  /** `cancelled`: stopped on request; what was trained until then is in the folder, if training had begun. */
  readonly status: 'succeeded' | 'cancelled';
  readonly run: StoredRun;
}

export interface Run {
  readonly id: string;
  /** Absolute path of the run folder. */
  readonly folder: string;
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
export async function startRun(given: LoadedConfig, options: StartOptions = {}): Promise<Run> {
  const loaded = withCustomLoss(given, options);
  const folder = await createRunFolder(loaded.config.output, configText(loaded));
  const id = `${new Date().toISOString().slice(0, 19).replace(/[:T]/g, '-')}-${randomBytes(3).toString('hex')}`;
  const runRecord = await createRunRecordWriter(folder, id, loaded.hash);
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

  log.push({ type: 'started', id, folder: folder.path });
  const context = { loaded, folder, runRecord, emit: (event: RunEvent) => log.push(event), signal: stop.signal };
  const result = runToEnd(context, options).finally(() => {
    options.signal?.removeEventListener('abort', forward);
    log.end();
  });
  result.catch(() => undefined); // who only listens to the events has been told there
  return { id, folder: folder.path, events: log.events, result, stop: () => stop.abort(abortError()) };
}

interface StartedRun {
  readonly loaded: LoadedConfig;
  readonly folder: RunFolder;
  readonly runRecord: RunRecordWriter;
  readonly emit: (event: RunEvent) => void;
  readonly signal: AbortSignal;
}

async function runToEnd(started: StartedRun, options: StartOptions): Promise<RunResult> {
  const { folder, runRecord, emit } = started;
  const outcome = await execute(started, options);
  const told = (what: string, thrown: unknown): void =>
    emit({ type: 'note', message: `${what} could not be written: ${toMrpoError(thrown).message}` });
  const { status, error } = await runRecord.finish(outcome.status, outcome.error).then(
    () => outcome,
    (thrown: unknown): Outcome => {
      told('the record of the run', thrown);
      // What the run itself failed with is the one to tell.
      return outcome.status === 'succeeded' ? { status: 'failed', error: toMrpoError(thrown) } : outcome;
    },
  );
  const report = readRun(folder.path).then(writeRunReport);
  await report.catch((thrown: unknown) => told('the report', thrown));
  emit({ type: 'finished', status, folder: folder.path, reason: error?.message });
  if (status === 'failed') throw error;
  return { status, run: await readRun(folder.path) };
}

type Outcome =
  | { readonly status: 'succeeded' | 'cancelled'; readonly error?: MrpoError }
  | { readonly status: 'failed'; readonly error: MrpoError };

async function execute(started: StartedRun, options: StartOptions): Promise<Outcome> {
  const { signal } = started;
  try {
    const { stopped } = await withBackend({ ...options, signal }, (open) =>
      executeRun({ ...started, open, cache: options.cache, customLoss: options.customLoss }),
    );
    return stopped ? { status: 'cancelled', error: abortError(signal) } : { status: 'succeeded' };
  } catch (thrown) {
    const error = toMrpoError(thrown);
    return signal.aborted && error.code === 'aborted' ? { status: 'cancelled', error } : { status: 'failed', error };
  }
}

const configText = ({ config, hash }: LoadedConfig): string =>
  `# Resolved configuration of this run: every default applied, paths absolute.\n# hash: ${hash}\n${stringify(config)}`;
