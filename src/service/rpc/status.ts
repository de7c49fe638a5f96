/** A fault as it travels: a status with a google.rpc.Status in the trailer `grpc-status-details-bin`. */
import { Metadata, status, type StatusObject } from '@grpc/grpc-js';
import { BadRequest, ErrorInfo, Status } from '../../gen/mrpo/rpc/v1/status.js';
import { reasonName, type RunsFault, type RunsReason } from '../fault.js';

const DOMAIN = 'mrpo.runs';
const TYPE_URL = 'type.googleapis.com/google.rpc.';

const CODES: Readonly<Partial<Record<RunsReason, status>>> = {
  spec_invalid: status.INVALID_ARGUMENT,
  request_invalid: status.INVALID_ARGUMENT,
  upload_invalid: status.INVALID_ARGUMENT,
  run_not_found: status.NOT_FOUND,
  artifact_not_found: status.NOT_FOUND,
  run_exists: status.ALREADY_EXISTS,
  wrong_state: status.FAILED_PRECONDITION,
  not_scored: status.FAILED_PRECONDITION,
  does_not_fit: status.FAILED_PRECONDITION,
  path_refused: status.PERMISSION_DENIED,
  permission_denied: status.PERMISSION_DENIED,
  unauthenticated: status.UNAUTHENTICATED,
  quota: status.RESOURCE_EXHAUSTED,
  work_failed: status.ABORTED,
  unavailable: status.UNAVAILABLE,
  slow_reader: status.UNAVAILABLE,
};

/** A trailer travels in headers, which have 8 KiB in all; a text travels twice, three bytes for each sign beyond ASCII. */
const LONGEST_TEXT = 1200;
const MOST_FIELDS = 8;

/** The status that a call ends with; long messages are cut. */
export function statusOf(fault: RunsFault): Partial<StatusObject> & { readonly code: status } {
  const code = CODES[fault.reason] ?? status.INTERNAL;
  const message = short(fault.message, LONGEST_TEXT);
  const details = [packed('ErrorInfo', ErrorInfo.encode(infoOf(fault)).finish())];
  if (fault.fields.length > 0) details.push(packed('BadRequest', BadRequest.encode(badRequestOf(fault)).finish()));
  const metadata = new Metadata();
  metadata.set('grpc-status-details-bin', Buffer.from(Status.encode({ code, message, details }).finish()));
  return { code, details: message, metadata };
}

const infoOf = ({ reason, hint, details }: RunsFault): ErrorInfo => ({
  reason: reasonName(reason),
  domain: DOMAIN,
  metadata: {
    ...(hint !== undefined && { hint: short(hint, 300) }),
    ...Object.fromEntries(
      Object.entries(details).flatMap(([key, value]) =>
        typeof value === 'string' || typeof value === 'number' ? [[key, short(String(value), 100)]] : [],
      ),
    ),
  },
});

const badRequestOf = ({ fields }: RunsFault): BadRequest => ({
  fieldViolations: fields
    .slice(0, MOST_FIELDS)
    .map(({ field, description }) => ({ field: short(field, 100), description: short(description, 200) })),
});

const packed = (name: string, value: Uint8Array): { typeUrl: string; value: Buffer } => ({
  typeUrl: `${TYPE_URL}${name}`,
  value: Buffer.from(value),
});

function short(text: string, most: number): string {
  const bytes = /^[\0-\x7f]*$/.test(text) ? most : Math.floor(most / 3);
  return text.length <= bytes ? text : `${text.slice(0, bytes - 3)}...`;
}
