/** WatchRun: what is kept, then what comes. A watcher has no state here but its number: it can come back with it. */
import type { WatchRunRequest } from '../../gen/mrpo/runs/v1/runs.js';
import { RunsFault } from '../fault.js';
import { isFinal } from '../journal/fold.js';
import type { Context } from '../rpc/guard.js';
import { runNamed, type Service } from './service.js';

/** Encoded WatchRunResponses. */
export async function* watchRun(
  service: Service,
  { runId, afterSeq, onlyKept }: WatchRunRequest,
  { signal }: Context,
): AsyncGenerator<Buffer> {
  const { index, pages, hub } = service.ledger;
  const { seq, number } = runNamed(service, runId);
  if (afterSeq < 0 || afterSeq > seq) {
    throw new RunsFault('request_invalid', `after_seq: got ${afterSeq}, expected 0 to ${seq}`, {
      fields: [{ field: 'after_seq', description: `the newest event is ${seq}` }],
    });
  }
  const waiter = hub.join(runId);
  signal.addEventListener('abort', waiter.leave, { once: true });
  try {
    for (let after = afterSeq; !signal.aborted;) {
      const run = index.find(runId);
      // Another one of the same id may have been ordered meanwhile.
      if (run?.number !== number) throw new RunsFault('run_not_found', `run "${runId}" was deleted`);
      const page = pages.behind(run, after);
      if (page !== undefined) {
        after = page.last;
        yield page.message;
        continue;
      }
      if (onlyKept || isFinal(run.view.state)) return;
      await waiter.news();
    }
  } finally {
    waiter.leave();
  }
}
