/** Keeps `run.json` in step with the run: every change is written whole, and a final status is written even on abrupt exit. */
import { hostname } from 'node:os';
import type { MrpoError } from '../core/errors.js';
import { VERSION } from '../core/version.js';
import type { RunFolder } from './run-folder.js';
import { readJsonLines } from './json-lines.js';
import type { AttemptFacts, RunRecord, RunStage, RunStatus } from './run-record.js';
import { writeFileAtomic, writeFileAtomicSync } from './atomic-file.js';

/** Writes one `run.json`. */
export interface RunRecordWriter {
  /** As it was written last. */
  readonly record: RunRecord;
  /** Writes the record with some of its fields changed. */
  update(change: Partial<RunRecord>): Promise<void>;
  /** Runs a stage of the run and records its wall time. */
  stage<T>(name: RunStage, work: () => Promise<T>): Promise<T>;
  /** Records another attempt, after the one before has ended. */
  beginAttempt(attempt: NewAttempt): Promise<void>;
  /** Records that the attempt continues from the checkpoint of this step: later steps are lost. */
  goOnFrom(step: number): Promise<void>;
  /** Writes the final status, and reason and hint of `error`. Nothing is written after it. */
  finish(status: Exclude<RunStatus, 'pending' | 'running'>, error?: MrpoError): Promise<void>;
}

/** Why and after which step a run continues. */
export interface NewAttempt {
  readonly kind: 'resume' | 'recovery';
  /** Why the attempt before has ended. */
  readonly reason: string;
  /** Last step of the attempt before. */
  readonly lastStep: number;
}

/** How a process ends that the user has interrupted. */
const EXIT_INTERRUPTED = 130;

/** Starts `run.json` of a new run. */
export async function createRunRecordWriter(
  folder: RunFolder,
  id: string,
  configHash: string,
): Promise<RunRecordWriter> {
  const startedAt = new Date().toISOString();
  const first: AttemptFacts = {
    kind: 'start',
    startedAt,
    processId: process.pid,
    fromStep: 0,
    lostSteps: 0,
    lostSeconds: 0,
  };
  const record: RunRecord = {
    format: 1,
    id,
    status: 'pending',
    stage: 'start',
    createdAt: startedAt,
    attempts: [first],
    configHash,
    ...thisProgram(),
    seconds: {},
    peakMemoryBytes: 0,
  };
  return writerOf(folder, record);
}

/** Goes on with `run.json` of a run whose process has ended. */
export async function resumeRunRecord(
  folder: RunFolder,
  before: RunRecord,
  configHash: string,
  lastStep: number,
): Promise<RunRecordWriter> {
  const { reason, hint: _, finishedAt: __, ...record } = before;
  const writer = await writerOf(folder, { ...record, configHash, ...thisProgram() });
  await writer.beginAttempt({ kind: 'resume', reason: reason ?? `it was ${before.status}`, lastStep });
  return writer;
}

const thisProgram = (): Pick<RunRecord, 'mrpoVersion' | 'machine'> => ({
  mrpoVersion: VERSION,
  machine: {
    host: hostname(),
    platform: `${process.platform} ${process.arch}`,
    node: process.versions.node,
    processId: process.pid,
  },
});

async function writerOf(folder: RunFolder, start: RunRecord): Promise<RunRecordWriter> {
  let record = start;
  let lastStep = 0;
  const write = async (change: Partial<RunRecord>): Promise<void> => {
    record = Object.freeze({ ...record, ...change });
    await writeFileAtomic(folder.file('record'), textOf(record));
  };
  // A process that ends at once (a second Ctrl-C, an uncaught error) has no time for promises.
  const writeFinalStatus = (exitCode: number): void => {
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
  process.once('exit', writeFinalStatus);
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
    async beginAttempt({ kind, reason, lastStep: before }) {
      lastStep = before;
      const lost = { fromStep: 0, lostSteps: before, lostSeconds: await secondsSince(folder, 0) };
      const startedAt = new Date().toISOString();
      const attempt: AttemptFacts = { kind, startedAt, processId: process.pid, reason, ...lost };
      await write({ attempts: [...record.attempts, attempt] });
    },
    async goOnFrom(step) {
      const attempt = record.attempts.at(-1);
      if (attempt === undefined) return;
      const lostSteps = Math.max(0, lastStep - step);
      const lost = { fromStep: step, lostSteps, lostSeconds: await secondsSince(folder, step) };
      await write({ attempts: [...record.attempts.slice(0, -1), { ...attempt, ...lost }] });
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
      process.off('exit', writeFinalStatus);
    },
  };
}

const textOf = (record: RunRecord): string => `${JSON.stringify(record, undefined, 2)}\n`;

/** What the steps behind one have taken, as far as they were written down. */
async function secondsSince(folder: RunFolder, step: number): Promise<number> {
  const lines = await readJsonLines(folder.file('metrics'));
  let [seconds, last] = [0, 0];
  for (const line of lines) {
    if (typeof line['step'] !== 'number' || typeof line['step_seconds'] !== 'number') continue;
    if (line['step'] > step) seconds += line['step_seconds'] * (line['step'] - Math.max(last, step));
    last = line['step'];
  }
  return Math.round(seconds * 1000) / 1000;
}
