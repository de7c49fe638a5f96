/**
 * Which calls may be sent twice: those that the .proto marks as idempotent, and only while nothing has come back and
 * the failure says that the backend could not be reached.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { status } from '@grpc/grpc-js';
import { abortError } from '../../core/abort.js';
import { BackendServiceDefinition } from '../../gen/mrpo/backend/v1/backend.js';
import { isServiceError } from './fault-of-status.js';

export type MethodName = keyof typeof BackendServiceDefinition.methods;

const ATTEMPTS = 3;
const FIRST_PAUSE_MS = 200;

/** The marker of the .proto, as generated. */
export function isIdempotent(method: MethodName): boolean {
  return 'idempotencyLevel' in BackendServiceDefinition.methods[method].options;
}

/** Whether attempt number `attempt` (0 = the first) of a call that failed with `error` may be followed by another. */
export function mayRetry(method: MethodName, attempt: number, error: Error): boolean {
  const dropped = isServiceError(error.cause) && error.cause.code === status.UNAVAILABLE;
  return isIdempotent(method) && attempt + 1 < ATTEMPTS && dropped;
}

/** Waits before the next attempt: 0.2 s, 0.4 s, ... */
export async function pauseBefore(attempt: number, signal: AbortSignal | undefined): Promise<void> {
  try {
    await sleep(FIRST_PAUSE_MS * 2 ** attempt, undefined, { signal });
  } catch {
    throw abortError(signal);
  }
}
