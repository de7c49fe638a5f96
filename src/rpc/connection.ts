/** One dialled server, as the calls see it, and the reasons why a call of it can end early. */
import { setTimeout as sleep } from 'node:timers/promises';
import { status, type Metadata } from '@grpc/grpc-js';
import { abortError } from '../core/abort.js';
import { MrpoError, toMrpoError } from '../core/errors.js';
import { faultOfStatus, isServiceError, type Peer } from './status.js';
import type { Heartbeat } from './heartbeat.js';
import type { RpcService } from './service.js';

/** A client of one server with all that its calls share: metadata, heartbeat and the two signals that end them. */
export interface Connection<Client = unknown, Method extends string = string> extends Peer {
  readonly service: RpcService<Method>;
  /** The generated client of the service. */
  readonly client: Client;
  /** Sent with every call: the bearer token, or nothing. */
  readonly metadata: Metadata;
  readonly heartbeat: Heartbeat;
  /** Fires with an error of the service when this side closes the connection. */
  readonly closed: AbortSignal;
  /** Fires with an error of the service when the process behind the address ends; undefined where it is not ours. */
  readonly ended: AbortSignal | undefined;
}

/** The exit of a process may be noticed a little after its connection dropped: worth waiting for the better message. */
const EXIT_NOTICE_MS = 2_000;

/** Cancels `call` when any of the signals fires. Returns how to let go. */
export function cancelOn(call: { cancel(): void }, signals: readonly (AbortSignal | undefined)[]): () => void {
  const cancel = (): void => call.cancel();
  for (const signal of signals) {
    if (signal?.aborted === true) cancel();
    else signal?.addEventListener('abort', cancel, { once: true });
  }
  return () => {
    for (const signal of signals) signal?.removeEventListener('abort', cancel);
  };
}

/** Why a call failed, best reason first: stopped on request, closed, process gone, then what gRPC says. */
export async function explainFailure(
  thrown: unknown,
  call: string,
  connection: Connection,
  signal: AbortSignal | undefined,
): Promise<MrpoError> {
  if (thrown instanceof MrpoError) return thrown;
  if (signal?.aborted === true) return abortError(signal);
  if (connection.closed.aborted) return connection.closed.reason as MrpoError;
  if (!isServiceError(thrown)) return toMrpoError(thrown);
  if (thrown.code === status.UNAVAILABLE && connection.ended !== undefined) await noticeOf(connection.ended);
  if (connection.ended?.aborted === true) return connection.ended.reason as MrpoError;
  return faultOfStatus(thrown, call, connection.service, connection);
}

async function noticeOf(ended: AbortSignal): Promise<void> {
  if (ended.aborted) return;
  const noticed = new AbortController();
  ended.addEventListener('abort', () => noticed.abort(), { once: true, signal: noticed.signal });
  await sleep(EXIT_NOTICE_MS, undefined, { signal: noticed.signal }).catch(() => undefined);
}
