/** One question, many answers, as an AsyncIterable with backpressure; leaving the loop cancels the call. */
import type { ClientReadableStream } from '@grpc/grpc-js';
import { throwIfAborted } from '../core/abort.js';
import type { MrpoError } from '../core/errors.js';
import { cancelOn, explainFailure, type Connection } from './connection.js';
import { mayRetry, pauseBefore } from './retry.js';

/** Reads the call that `open` starts. An idempotent call that brought nothing yet is started again when it drops. */
export async function* serverStream<Response, Method extends string>(
  connection: Connection<unknown, Method>,
  name: Method,
  open: () => ClientReadableStream<Response>,
  signal: AbortSignal | undefined,
): AsyncGenerator<Response, void, undefined> {
  for (let attempt = 0; ; attempt++) {
    throwIfAborted(signal);
    let received = false;
    try {
      for await (const message of watchedMessages(connection, open(), signal)) {
        received = true;
        yield message;
      }
      return;
    } catch (thrown) {
      const error = await explainFailure(thrown, name, connection, signal);
      if (received || !mayRetry(connection.service, name, attempt, error)) throw error;
      await pauseBefore(attempt, signal);
    }
  }
}

/** The messages of one call, under watch: silence of the server, a stop or its death ends the loop with an error. */
export async function* watchedMessages<Response>(
  connection: Connection,
  call: ClientReadableStream<Response>,
  signal: AbortSignal | undefined,
): AsyncGenerator<Response, void, undefined> {
  let silence: MrpoError | undefined;
  const letGo = cancelOn(call, [signal, connection.closed, connection.ended]);
  const watch = connection.heartbeat.watch((fault) => {
    silence = fault;
    call.cancel();
  });
  try {
    for await (const message of call) {
      watch.touch();
      yield message as Response;
    }
  } catch (thrown) {
    throw silence ?? thrown;
  } finally {
    watch.end();
    letGo();
    call.cancel(); // no effect on a call that is over
  }
}
