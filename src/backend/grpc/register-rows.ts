/** Sends pairs in chunks as fast as the backend takes them, and gathers what it says of each row. */
import { once } from 'node:events';
import type { CallOptions, PairText, RowFacts, RowSet, TokenRule } from '../backend.js';
import { BackendFault } from '../fault.js';
import type {
  PairText as WirePair,
  RegisterRowsRequest,
  RegisterRowsResponse,
} from '../../gen/mrpo/backend/v1/backend.js';
import type { ClientDuplexStream } from '@grpc/grpc-js';
import { fromRowFacts, toOpenRows, toPairText } from './wire.js';
import { MAX_MESSAGE_BYTES } from '../../rpc/channel.js';
import { explainFailure } from '../../rpc/connection.js';
import type { BackendConnection } from './service.js';
import { watchedMessages } from '../../rpc/stream.js';

const CHUNK_BYTES = 1024 * 1024;
const CHUNK_ROWS = 1024;
/** What one pair may weigh, with room for the rest of its message. */
const MAX_PAIR_BYTES = MAX_MESSAGE_BYTES - 64 * 1024;
/** Room for field tags and lengths of one message of a conversation. */
const MESSAGE_OVERHEAD_BYTES = 32;

type Call = ClientDuplexStream<RegisterRowsRequest, RegisterRowsResponse>;

/** Not retried: rows may come from a stream that can be read only once. */
export async function registerRows(
  connection: BackendConnection,
  modelHandle: string,
  pairs: Iterable<PairText> | AsyncIterable<PairText>,
  rule: TokenRule,
  options: CallOptions,
): Promise<RowSet> {
  const call = connection.client.registerRows(connection.metadata);
  const answers = gather(connection, call, rule, options);
  const stopped = new AbortController();
  const over = answers.then(
    () => stopped.abort(new BackendFault('protocol', 'the backend ended RegisterRows before all rows were sent')),
    (thrown: unknown) => stopped.abort(thrown),
  );
  try {
    await send(call, modelHandle, pairs, rule, stopped.signal);
  } catch (thrown) {
    const stoppedBefore = stopped.signal.aborted;
    call.cancel();
    await over;
    const cause: unknown = stoppedBefore ? stopped.signal.reason : thrown;
    throw await explainFailure(cause, 'registerRows', connection, options.signal);
  }
  try {
    return await answers;
  } catch (thrown) {
    throw await explainFailure(thrown, 'registerRows', connection, options.signal);
  }
}

async function gather(
  connection: BackendConnection,
  call: Call,
  rule: TokenRule,
  options: CallOptions,
): Promise<RowSet> {
  const rows: RowFacts[] = [];
  let handle = '';
  for await (const answer of watchedMessages<RegisterRowsResponse>(connection, call, options.signal)) {
    handle = answer.rowSet;
    for (const facts of answer.rows) rows.push(fromRowFacts(facts, rule.returnTokens ?? false));
    options.onProgress?.({ stage: 'tokenize', done: rows.length, total: 0, unit: 'rows' });
  }
  return Object.freeze({ handle, rows: Object.freeze(rows) });
}

/** `stopped` fires when the answers have ended early: nobody reads any more, so a full pipe would wait for ever. */
async function send(
  call: Call,
  modelHandle: string,
  pairs: Iterable<PairText> | AsyncIterable<PairText>,
  rule: TokenRule,
  stopped: AbortSignal,
): Promise<void> {
  let open: RegisterRowsRequest['open'] = toOpenRows(modelHandle, rule);
  let [chunk, bytes, row]: [WirePair[], number, number] = [[], 0, 0];
  const flush = async (): Promise<void> => {
    stopped.throwIfAborted();
    const accepted = call.write({ open, rows: chunk });
    [open, chunk, bytes] = [undefined, [], 0];
    if (!accepted) await once(call, 'drain', { signal: stopped });
  };
  for await (const pair of pairs) {
    const wire = toPairText(pair);
    const size = bytesOf(wire);
    if (size > MAX_PAIR_BYTES) {
      throw new BackendFault(
        'row_invalid',
        `row ${row}: got ${size} bytes of text, expected at most ${MAX_PAIR_BYTES}`,
      );
    }
    if (chunk.length > 0 && (bytes + size > CHUNK_BYTES || chunk.length >= CHUNK_ROWS)) await flush();
    chunk.push(wire);
    bytes += size;
    row += 1;
  }
  await flush();
  call.end();
}

function bytesOf(pair: WirePair): number {
  let sum = Buffer.byteLength(pair.toolsJson);
  for (const { role, content, extraJson } of [...pair.prompt, ...pair.chosen, ...pair.rejected]) {
    sum += MESSAGE_OVERHEAD_BYTES + Buffer.byteLength(role) + Buffer.byteLength(content) + Buffer.byteLength(extraJson);
  }
  return sum;
}
