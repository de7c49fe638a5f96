/** A trainer's state as files: read from the backend while it goes on training, and sent back to it. */
import { once } from 'node:events';
import type { LoadCheckpointResponse } from '../../gen/mrpo/backend/v1/backend.js';
import { explainFailure } from '../../rpc/connection.js';
import { watchedMessages, serverStream } from '../../rpc/stream.js';
import type { CallOptions, CheckpointCopy, CheckpointPiece } from '../backend.js';
import { BackendFault } from '../fault.js';
import type { BackendConnection } from './service.js';

/** Asks for a copy and resolves when it is taken; the pieces are read from the same call. */
export async function saveCheckpoint(
  connection: BackendConnection,
  trainerHandle: string,
  step: number,
  { signal }: CallOptions = {},
): Promise<CheckpointCopy> {
  const { client, metadata } = connection;
  const open = () => client.saveCheckpoint({ trainerHandle, step }, metadata);
  const events = serverStream(connection, 'saveCheckpoint', open, signal);
  const first = await events.next();
  if (first.done === true || first.value.event?.$case !== 'copied') {
    throw new BackendFault('protocol', 'saveCheckpoint: the backend began with something else than "copied"');
  }
  return { bytes: first.value.event.value.bytes, pieces: piecesOf(events) };
}

type SaveEvents = ReturnType<typeof serverStream<{ event?: SaveEvent | undefined }, 'saveCheckpoint'>>;
type SaveEvent =
  | { $case: 'copied'; value: { bytes: number } }
  | { $case: 'piece'; value: { file: string; data: Uint8Array; sha256: string } }
  | { $case: 'saved'; value: object };

async function* piecesOf(events: SaveEvents): AsyncGenerator<CheckpointPiece> {
  for await (const { event } of events) {
    if (event?.$case === 'saved') return;
    if (event?.$case !== 'piece') continue;
    const { file, data, sha256 } = event.value;
    yield { file, data, sha256: sha256 === '' ? undefined : sha256 };
  }
  throw new BackendFault('protocol', 'saveCheckpoint: the backend ended without "saved"');
}

/**
 * Sends the pieces of a checkpoint to a trainer.
 * @returns the committed step of the checkpoint. Not retried: the pieces may come from a stream that can be read once.
 */
export async function loadCheckpoint(
  connection: BackendConnection,
  trainerHandle: string,
  pieces: AsyncIterable<CheckpointPiece>,
  { signal }: CallOptions = {},
): Promise<number> {
  const call = connection.client.loadCheckpoint(connection.metadata);
  const over = new AbortController();
  const gather = async (): Promise<number | undefined> => {
    let step: number | undefined;
    for await (const { event } of watchedMessages<LoadCheckpointResponse>(connection, call, signal)) {
      if (event?.$case === 'loaded') step = event.value.committedStep;
    }
    return step;
  };
  const answer = gather().finally(() => over.abort());
  answer.catch(() => undefined); // looked at below, also when sending has failed first
  try {
    call.write({ open: { trainerHandle }, file: '', data: Buffer.alloc(0) });
    for await (const { file, data } of pieces) {
      if (over.signal.aborted) break; // refused already: the answer says why
      const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
      if (!call.write({ open: undefined, file, data: bytes })) await once(call, 'drain', { signal: over.signal });
    }
    call.end();
  } catch (thrown) {
    if (!over.signal.aborted) {
      call.cancel();
      throw thrown;
    }
  }
  const step = await answer.catch(async (thrown: unknown) => {
    throw await explainFailure(thrown, 'loadCheckpoint', connection, signal);
  });
  if (step === undefined) throw new BackendFault('protocol', 'loadCheckpoint: the backend ended without "loaded"');
  return step;
}
