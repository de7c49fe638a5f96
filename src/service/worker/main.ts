/**
 * The process of one attempt of a run: `node main.js HOME BACKEND`. It works on its own: the journal is all it
 * has in common with the service, which may be killed and come back meanwhile. SIGTERM: stop at the next step boundary.
 */
import { rm } from 'node:fs/promises';
import { basename } from 'node:path';
import { loadConfig } from '../../config/index.js';
import { MrpoError, toMrpoError } from '../../core/errors.js';
import { beginRun, continueRun, isRunFolder, type Run } from '../../runs/index.js';
import type { BackendLender } from '../../runs/scoring-helpers.js';
import { isLost } from '../../runs/recovery.js';
import { runFolder } from '../../store/run-folder.js';
import { lockRun } from '../../store/run-lock.js';
import { runHome, type RunHome } from '../home.js';
import { openJournal, type JournalWriter } from '../journal/append.js';
import { readOrder } from '../order.js';
import { isConnectionLost } from '../../training/lost-connection.js';
import { traced } from '../tracing/attempt-span.js';
import { startTracing } from '../tracing/start.js';
import { failureOfError } from './failure.js';
import { journalLender } from './lender.js';
import { requireFit } from './plan-check.js';
import { thinProgress } from './thin-progress.js';
import { ALREADY_AT_WORK, BACKEND_AWAY, EMBEDDED } from './exit-codes.js';

async function work(home: RunHome, backend: string): Promise<void> {
  const stop = new AbortController();
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => stop.abort());
  const lock = await lockRun(runFolder(home.path)).catch((thrown: unknown) => {
    if (!(thrown instanceof MrpoError)) throw thrown; // a full disk
    process.exitCode = ALREADY_AT_WORK;
  });
  if (lock === undefined) return;
  const tracing = await startTracing(process.env, 'mrpo-run', (line) => console.error(line));
  const order = await readOrder(home).catch(() => undefined); // what is wrong with it is told when the run begins
  const facts = { run: home.id, backend, traceParent: order?.traceParent };
  const journal = traced(openJournal(home.journal), facts);
  try {
    const lender = journalLender(journal, home.journal);
    await follow(await begin(home, backend, lender, stop.signal), journal, stop.signal, backend);
  } catch (thrown) {
    end(journal, toMrpoError(thrown), stop.signal, backend);
  } finally {
    journal.close();
    await lock.release();
    await tracing.shutdown();
  }
}

async function begin(
  home: RunHome,
  backend: string,
  scoringBackends: BackendLender,
  signal: AbortSignal,
): Promise<Run> {
  const { resolved } = await readOrder(home);
  const loaded = loadConfig({ object: resolved, env: {}, cwd: home.path });
  const address = backend === EMBEDDED ? {} : { backendAddress: backend };
  const options = { signal, ...address, scoringBackends, env: environment(backend) };
  if (await isRunFolder(home.run)) return continueRun(home.run, loaded, { ...options, acceptFinished: true });
  await requireFit(loaded.config, backend, signal);
  await rm(home.run, { recursive: true, force: true }); // of an attempt that was killed before its folder was one
  return beginRun(loaded, options);
}

/** A service that is told which backends to use does not look for another one. */
const environment = (backend: string): NodeJS.ProcessEnv => {
  const { MRPO_BACKEND: _, ...env } = process.env;
  return backend === EMBEDDED ? env : process.env;
};

async function follow(run: Run, journal: JournalWriter, stop: AbortSignal, backend: string): Promise<void> {
  for await (const event of thinProgress(run.events)) {
    if (event.type !== 'started' && event.type !== 'finished') journal.append(event);
  }
  const result = await run.result.catch(toMrpoError);
  if (result instanceof MrpoError) end(journal, result, stop, backend);
  else if (result.status === 'succeeded') journal.append({ type: 'ended', outcome: 'succeeded' });
  else
    journal.append({
      type: 'ended',
      outcome: stop.aborted ? 'stopped' : 'cancelled',
      reason: result.run.record.reason,
    });
}

/** The last line; none where the run only needs another backend, which is the service's to find. */
function end(journal: JournalWriter, error: MrpoError, stop: AbortSignal, backend: string): void {
  // Who is asked to stop while its backend is away stops: the checkpoint that it has is where it goes on.
  if (stop.aborted && (error.code === 'aborted' || isLost(error))) {
    journal.append({ type: 'ended', outcome: 'stopped', reason: error.message });
  } else if (backend !== EMBEDDED && isConnectionLost(error)) {
    console.error(error.message);
    process.exitCode = BACKEND_AWAY;
  } else journal.append({ type: 'ended', outcome: 'failed', reason: error.message, failure: failureOfError(error) });
}

const [path = '', backend = EMBEDDED] = process.argv.slice(2);
await work(runHome(path, basename(path)), backend);
