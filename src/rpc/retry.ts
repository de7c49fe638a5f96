/**
 * Which calls may be sent twice: those that the .proto marks as idempotent, and only while nothing has come back and
 * the failure says that the server could not be reached.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { status } from '@grpc/grpc-js';
import { abortError } from '../core/abort.js';
import type { RpcService } from './service.js';
import { isServiceError } from './status.js';

const ATTEMPTS = 3;
const FIRST_PAUSE_MS = 200;

/** The marker of the .proto, as generated. */
export function isIdempotent<Method extends string>(service: RpcService<Method>, method: Method): boolean {
  return 'idempotencyLevel' in service.methods[method].options;
}

/** Whether attempt number `attempt` (0 = the first) of a call that failed with `error` may be followed by another. */
export function mayRetry<Method extends string>(
  service: RpcService<Method>,
  method: Method,
  attempt: number,
  error: Error,
): boolean {
  const dropped = isServiceError(error.cause) && error.cause.code === status.UNAVAILABLE;
  return isIdempotent(service, method) && attempt + 1 < ATTEMPTS && dropped;
}

/** Waits before the next attempt: 0.2 s, 0.4 s, ... */
export async function pauseBefore(attempt: number, signal: AbortSignal | undefined): Promise<void> {
  try {
    await sleep(FIRST_PAUSE_MS * 2 ** attempt, undefined, { signal });
  } catch {
    throw abortError(signal);
  }
}
