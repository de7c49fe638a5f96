/** A failed gRPC call as an error of the service: the machine-readable reason of the server, else one by status code. */
import { status, type ServiceError } from '@grpc/grpc-js';
import type { MrpoError } from '../core/errors.js';
import { ErrorInfo, Status } from '../gen/mrpo/rpc/v1/status.js';
import type { RpcService, TransportReason } from './service.js';

const DETAILS_KEY = 'grpc-status-details-bin';
const ERROR_INFO_TYPE = 'google.rpc.ErrorInfo';

const REASON_BY_CODE: Readonly<Partial<Record<status, TransportReason>>> = {
  [status.UNAVAILABLE]: 'unreachable',
  [status.DEADLINE_EXCEEDED]: 'unreachable',
  [status.UNAUTHENTICATED]: 'unauthenticated',
  [status.PERMISSION_DENIED]: 'unauthenticated',
  [status.UNIMPLEMENTED]: 'protocol',
};

/** Whether something thrown is a status that grpc-js made. */
export function isServiceError(thrown: unknown): thrown is ServiceError {
  return thrown instanceof Error && 'code' in thrown && 'details' in thrown && 'metadata' in thrown;
}

/** `call` names the call in the message. */
export function faultOfStatus(error: ServiceError, call: string, service: RpcService, address: string): MrpoError {
  const info = errorInfoOf(error);
  if (info !== undefined) {
    const { hint, ...details } = info.metadata;
    return service.serverFault(info.reason, error.details, { cause: error, hint, details });
  }
  const reason = REASON_BY_CODE[error.code] ?? 'failed';
  const message =
    reason === 'unreachable'
      ? `no ${service.peer} answers at ${address} (${error.details})`
      : `${call} at ${address}: ${status[error.code]}: ${error.details}`;
  return service.transportFault(reason, message, { cause: error, hint: service.hints[reason] });
}

function errorInfoOf(error: ServiceError): ErrorInfo | undefined {
  const [bytes] = error.metadata.get(DETAILS_KEY);
  if (!(bytes instanceof Buffer)) return undefined;
  const packed = Status.decode(bytes).details.find((detail) => detail.typeUrl.endsWith(`/${ERROR_INFO_TYPE}`));
  return packed === undefined ? undefined : ErrorInfo.decode(packed.value);
}
