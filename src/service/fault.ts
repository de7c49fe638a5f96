/** What the service refuses or fails at, with the reason a program can branch on. The same on both ends of the wire. */
import { MrpoError, type ErrorCode, type MrpoErrorOptions } from '../core/errors.js';
import { ErrorReason } from '../gen/mrpo/runs/v1/runs.js';
import type { TransportReason } from '../rpc/service.js';

/** Why a call was refused or failed; for programs to branch on. */
export type RunsReason =
  | 'spec_invalid'
  | 'request_invalid'
  | 'run_not_found'
  | 'run_exists' // the id belongs to a run with another spec
  | 'wrong_state'
  | 'path_refused'
  | 'quota'
  | 'does_not_fit'
  | 'artifact_not_found'
  | 'permission_denied'
  | 'upload_invalid'
  | 'not_scored'
  | 'work_failed'
  | 'internal'
  | 'unavailable'
  | 'slow_reader' // a stream that was not read for too long
  | TransportReason;

/** A field of a request that was refused, as a path from the request: `spec.training.epochs`. */
export interface RefusedField {
  readonly field: string;
  readonly description: string;
}

const CODES: Readonly<Partial<Record<RunsReason, ErrorCode>>> = {
  spec_invalid: 'config',
  path_refused: 'config',
  run_exists: 'config',
  request_invalid: 'usage',
  run_not_found: 'usage',
  wrong_state: 'usage',
  permission_denied: 'usage',
  unauthenticated: 'usage',
  artifact_not_found: 'usage',
  upload_invalid: 'data',
  not_scored: 'data',
  quota: 'environment',
  does_not_fit: 'environment',
  internal: 'internal',
};

/** Parts of a {@link RunsFault} beside reason and message. */
export interface RunsFaultOptions extends MrpoErrorOptions {
  /** Which fields of the request are wrong, and why. Default: none. */
  readonly fields?: readonly RefusedField[] | undefined;
}

/** Everything that the service refuses, or that goes wrong in or on the way to it. */
export class RunsFault extends MrpoError {
  override readonly name = 'RunsFault';
  readonly reason: RunsReason;
  readonly fields: readonly RefusedField[];

  constructor(reason: RunsReason, message: string, options: RunsFaultOptions = {}) {
    super(CODES[reason] ?? 'backend', message, options);
    this.reason = reason;
    this.fields = options.fields ?? [];
  }
}

/** The name in an ErrorInfo; what has none of its own is internal. */
export function reasonName(reason: RunsReason): string {
  const name = `ERROR_REASON_${reason.toUpperCase()}`;
  return Object.hasOwn(ErrorReason, name) ? name : 'ERROR_REASON_INTERNAL';
}

/** The reason of a name in an ErrorInfo; one of a later service is `failed`. */
export function reasonOf(name: string): RunsReason {
  return Object.hasOwn(ErrorReason, name) ? (name.replace('ERROR_REASON_', '').toLowerCase() as RunsReason) : 'failed';
}
