/** Keeps `run.json` in step with the run: every change is written whole, and the last word is said whatever happens. */
import { hostname } from 'node:os';
import type { MrpoError } from '../core/errors.js';
import { VERSION } from '../core/version.js';
import type { RunFolder } from './run-folder.js';
import type { RunRecord, RunStage, RunStatus } from './run-record.js';
import { writeFileAtomic, writeFileAtomicSync } from './atomic-file.js';

export interface RunRecordWriter {
  readonly record: RunRecord;
  update(change: Partial<RunRecord>): Promise<void>;
  /** Runs a stage of the run and records its wall time. */
  stage<T>(name: RunStage, work: () => Promise<T>): Promise<T>;
  finish(status: Exclude<RunStatus, 'pending' | 'running'>, error?: MrpoError): Promise<void>;
}

/** How a process ends that the user has interrupted. */
const EXIT_INTERRUPTED = 130;

/** Starts `run.json` of a new run. */
export async function createRunRecordWriter(
  folder: RunFolder,
  id: string,
  configHash: string,
): Promise<RunRecordWriter> {
  let record: RunRecord = {
    format: 1,
    id,
    status: 'pending',
    stage: 'start',
    createdAt: new Date().toISOString(),
    configHash,
    mrpoVersion: VERSION,
    machine: {
      host: hostname(),
      platform: `${process.platform} ${process.arch}`,
      node: process.versions.node,
      processId: process.pid,
    },
    seconds: {},
    peakMemoryBytes: 0,
  };
  const write = async (change: Partial<RunRecord>): Promise<void> => {
    record = Object.freeze({ ...record, ...change });
    await writeFileAtomic(folder.file('record'), textOf(record));
  };
  // A process that ends at once (a second Ctrl-C, an uncaught error) has no time for promises.
  const sayLastWord = (exitCode: number): void => {
    const interrupted = exitCode === EXIT_INTERRUPTED;
    const status: RunStatus = interrupted ? 'cancelled' : 'failed';
    const reason = interrupted
      ? `stopped at once while at: ${record.stage}`
      : `the process ended with code ${exitCode} while at: ${record.stage}`;
    try {
      const last: RunRecord = { ...record, status, reason, finishedAt: new Date().toISOString() };
      writeFileAtomicSync(folder.file('record'), textOf(last));
    } catch {
      // A full disk: the record before stays, and whoever reads it sees that its process is gone.
    }
  };
  process.once('exit', sayLastWord);
  await write({ status: 'running' });
  return {
    get record() {
      return record;
    },
    update: write,
    async stage(name, work) {
      await write({ stage: name });
      const started = performance.now();
      const result = await work();
      const seconds = (record.seconds[name] ?? 0) + (performance.now() - started) / 1000;
      await write({ seconds: { ...record.seconds, [name]: Math.round(seconds * 1000) / 1000 } });
      return result;
    },
    async finish(status, error) {
      const why =
        error === undefined ? {} : { reason: error.message, ...(error.hint !== undefined && { hint: error.hint }) };
      await write({
        status,
        stage: status === 'succeeded' ? 'done' : record.stage,
        ...why,
        finishedAt: new Date().toISOString(),
      });
      process.off('exit', sayLastWord);
    },
  };
}

const textOf = (record: RunRecord): string => `${JSON.stringify(record, undefined, 2)}\n`;
