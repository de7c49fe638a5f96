/** WatchRun: what is kept, then what comes. A watcher has no state here but its number: it can come back with it. */
import { BinaryWriter } from '@bufbuild/protobuf/wire';
import type { WatchRunRequest } from '../../gen/mrpo/runs/v1/runs.js';
import { RunsFault } from '../fault.js';
import { isFinal } from '../journal/fold.js';
import type { Context } from '../rpc/guard.js';
import { runNamed, type Service } from './service.js';

/** Events of one message, at most. */
const MOST_EVENTS = 500;

/** Encoded WatchRunResponses: events are sent as they were stored. */
export async function* watchRun(
  service: Service,
  { runId, afterSeq, onlyKept }: WatchRunRequest,
  { signal }: Context,
): AsyncGenerator<Buffer> {
  const { index, hub } = service.ledger;
  const { seq, number } = runNamed(service, runId);
  if (afterSeq < 0 || afterSeq > seq) {
    throw new RunsFault('request_invalid', `after_seq: got ${afterSeq}, expected 0 to ${seq}`, {
      fields: [{ field: 'after_seq', description: `the newest event is ${seq}` }],
    });
  }
  for (let after = afterSeq; !signal.aborted;) {
    const events = index.events(number, after, MOST_EVENTS);
    if (events.length > 0) {
      after += events.length;
      yield responseOf(events);
      continue;
    }
    const head = index.head(number);
    if (head === undefined) throw new RunsFault('run_not_found', `run "${runId}" was deleted`);
    if (onlyKept || isFinal(head.state)) return;
    await hub.news(runId, signal);
  }
}

function responseOf(events: readonly Buffer[]): Buffer {
  const writer = new BinaryWriter();
  for (const event of events) writer.uint32(10).bytes(event); // WatchRunResponse.events
  return Buffer.from(writer.finish());
}
