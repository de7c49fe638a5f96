/** Stopping on request, one shape everywhere: an AbortSignal in, an `aborted` error out. */
import { MrpoError } from './errors.js';

/** Throws an `aborted` error if the signal has fired. */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw abortError(signal);
}

/** The error that stands for a fired signal. */
export function abortError(signal?: AbortSignal): MrpoError {
  return new MrpoError('aborted', 'stopped on request', { cause: signal?.reason });
}
