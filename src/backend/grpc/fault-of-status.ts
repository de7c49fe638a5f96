/** A failed gRPC call as a {@link BackendFault}: the machine-readable reason of the server, else one by status code. */
import { status, type ServiceError } from '@grpc/grpc-js';
import { ErrorInfo, Status } from '../../gen/mrpo/rpc/v1/status.js';
import { BackendFault, type FaultReason } from '../fault.js';
import { faultReason } from '../wire.js';

const DETAILS_KEY = 'grpc-status-details-bin';
const ERROR_INFO_TYPE = 'google.rpc.ErrorInfo';

const REASON_BY_CODE: Readonly<Partial<Record<status, FaultReason>>> = {
  [status.UNAVAILABLE]: 'unreachable',
  [status.DEADLINE_EXCEEDED]: 'unreachable',
  [status.UNAUTHENTICATED]: 'unauthenticated',
  [status.PERMISSION_DENIED]: 'unauthenticated',
  [status.UNIMPLEMENTED]: 'protocol',
};

const HINTS: Readonly<Partial<Record<FaultReason, string>>> = {
  unreachable: 'Start one with "mrpo backend --address ADDRESS", or unset MRPO_BACKEND to use the embedded backend.',
  unauthenticated: 'Set MRPO_TOKEN to the token the backend was started with.',
  protocol: 'Is this an mrpo backend, and of the same version?',
};

/** Whether something thrown is a status that grpc-js made. */
export function isServiceError(thrown: unknown): thrown is ServiceError {
  return thrown instanceof Error && 'code' in thrown && 'details' in thrown && 'metadata' in thrown;
}

/** `what` names the call in the message, `address` the backend. */
export function faultOfStatus(error: ServiceError, what: string, address: string): BackendFault {
  const info = errorInfoOf(error);
  if (info !== undefined) {
    const { hint, ...details } = info.metadata;
    return new BackendFault(faultReason(info.reason), error.details, { cause: error, hint, details });
  }
  const reason = REASON_BY_CODE[error.code] ?? 'failed';
  const message =
    reason === 'unreachable'
      ? `no backend answers at ${address} (${error.details})`
      : `${what} at ${address}: ${status[error.code]}: ${error.details}`;
  return new BackendFault(reason, message, { cause: error, hint: HINTS[reason] });
}

function errorInfoOf(error: ServiceError): ErrorInfo | undefined {
  const [bytes] = error.metadata.get(DETAILS_KEY);
  if (!(bytes instanceof Buffer)) return undefined;
  const packed = Status.decode(bytes).details.find((detail) => detail.typeUrl.endsWith(`/${ERROR_INFO_TYPE}`));
  return packed === undefined ? undefined : ErrorInfo.decode(packed.value);
}
