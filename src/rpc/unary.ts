/** One question, one answer: a promise with a deadline, a watch over silence, a stop signal and the retry rule of the .proto. */
import type { CallOptions as GrpcCallOptions, ClientUnaryCall, Metadata, ServiceError } from '@grpc/grpc-js';
import { throwIfAborted } from '../core/abort.js';
import type { MrpoError } from '../core/errors.js';
import { cancelOn, explainFailure, type Connection } from './connection.js';
import { mayRetry, pauseBefore } from './retry.js';

/** A unary method of the generated client, bound to it. */
export type UnaryMethod<Request, Response> = (
  request: Request,
  metadata: Metadata,
  options: Partial<GrpcCallOptions>,
  callback: (error: ServiceError | null, response: Response) => void,
) => ClientUnaryCall;

/** Limits of one unary call. */
export interface UnaryOptions {
  /** Every attempt ends after this many milliseconds. */
  readonly timeoutMs: number;
  /** Cancels the call, and pauses between attempts. */
  readonly signal?: AbortSignal | undefined;
}

/** Calls `method`. Failures are errors of the service, a fired signal is code `aborted`. */
export async function unary<Request, Response, Method extends string>(
  connection: Connection<unknown, Method>,
  name: Method,
  method: UnaryMethod<Request, Response>,
  request: Request,
  { timeoutMs, signal }: UnaryOptions,
): Promise<Response> {
  for (let attempt = 0; ; attempt++) {
    throwIfAborted(signal);
    try {
      return await once(connection, method, request, timeoutMs, signal);
    } catch (thrown) {
      const error = await explainFailure(thrown, name, connection, signal);
      if (!mayRetry(connection.service, name, attempt, error)) throw error;
      await pauseBefore(attempt, signal);
    }
  }
}

function once<Request, Response>(
  connection: Connection,
  method: UnaryMethod<Request, Response>,
  request: Request,
  timeoutMs: number,
  signal: AbortSignal | undefined,
): Promise<Response> {
  return new Promise((resolve, reject) => {
    const options = { deadline: Date.now() + timeoutMs };
    let silence: MrpoError | undefined;
    const call = method(request, connection.metadata, options, (error, response) => {
      watch.end();
      letGo();
      if (error === null) resolve(response);
      else reject(silence ?? error);
    });
    const letGo = cancelOn(call, [signal, connection.closed, connection.ended]);
    const watch = connection.heartbeat.watch((fault) => {
      silence = fault;
      call.cancel();
    });
  });
}
