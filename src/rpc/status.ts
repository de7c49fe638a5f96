/** A failed gRPC call as an error of the service: the machine-readable reason of the server, else one by status code. */
import { status, type ServiceError } from '@grpc/grpc-js';
import type { MrpoError } from '../core/errors.js';
import { ErrorInfo, Status } from '../gen/mrpo/rpc/v1/status.js';
import type { TlsFiles } from './channel.js';
import type { RpcService, TransportReason } from './service.js';
import { tlsTrouble } from './tls-trouble.js';

const DETAILS_KEY = 'grpc-status-details-bin';
const ERROR_INFO_TYPE = 'google.rpc.ErrorInfo';

const REASON_BY_CODE: Readonly<Partial<Record<status, TransportReason>>> = {
  [status.UNAVAILABLE]: 'unreachable',
  [status.DEADLINE_EXCEEDED]: 'unreachable',
  [status.UNAUTHENTICATED]: 'unauthenticated',
  [status.PERMISSION_DENIED]: 'unauthenticated',
  [status.UNIMPLEMENTED]: 'protocol',
  [status.INVALID_ARGUMENT]: 'protocol', // bytes that are no message; what a message says wrong has a reason of its own
};

/**
 * A call that this side has not cancelled, but somebody has, is one whose server or connection was ended in the middle.
 * grpc-js says so in two ways.
 */
const isCut = ({ code, details }: ServiceError): boolean =>
  code === status.CANCELLED || (code === status.INTERNAL && /^Received RST_STREAM with code (0|8)\b/.test(details));

/** Whether something thrown is a status that grpc-js made. */
export function isServiceError(thrown: unknown): thrown is ServiceError {
  return thrown instanceof Error && 'code' in thrown && 'details' in thrown && 'metadata' in thrown;
}

/** Whether nothing came back: a refusal (no right to ask, too many questions) is a sign of life too. */
export const isSilence = (error: ServiceError | null): error is ServiceError =>
  error !== null && [status.UNAVAILABLE, status.DEADLINE_EXCEEDED, status.CANCELLED].includes(error.code);

/** Who was called. `ended` is there for a process of this program's own. */
export interface Peer {
  readonly address: string;
  readonly tls: TlsFiles | undefined;
  readonly ended: AbortSignal | undefined;
}

/** Of a server that stays connected and no longer answers. `seconds`: without a sign of life. */
export const silenceFault = (service: RpcService, address: string, seconds: number): MrpoError =>
  service.transportFault(
    'unreachable',
    `the ${service.peer} at ${address} has given no sign of life for ${seconds} s`,
    { hint: 'Its process hangs or is suspended, or its machine is gone; restart it.' },
  );

/** `call` names the call in the message. */
export async function faultOfStatus(
  error: ServiceError,
  call: string,
  service: RpcService,
  { address, tls, ended }: Peer,
): Promise<MrpoError> {
  const info = errorInfoOf(error);
  if (info !== undefined) {
    const { hint, ...details } = info.metadata;
    return service.serverFault(info.reason, error.details, { cause: error, hint, details });
  }
  const reason = isCut(error) ? 'unreachable' : (REASON_BY_CODE[error.code] ?? 'failed');
  if (reason !== 'unreachable') {
    const message = `${call} at ${address}: ${status[error.code]}: ${error.details}`;
    return service.transportFault(reason, message, { cause: error, hint: service.hints[reason] });
  }
  if (ended !== undefined) {
    const message = `${call}: the embedded ${service.peer} dropped the connection (${error.details})`;
    return service.transportFault(reason, message, { cause: error, hint: service.hints.dropped });
  }
  if (isCut(error)) {
    const message = `${call}: the ${service.peer} at ${address} has ended the connection (${error.details})`;
    return service.transportFault(reason, message, { cause: error, hint: service.hints.unreachable });
  }
  const trouble = await tlsTrouble(error.details, service.peer, address, tls);
  if (trouble !== undefined) {
    return service.transportFault(trouble.reason, trouble.message, { cause: error, hint: trouble.hint });
  }
  const message = `no ${service.peer} answers at ${address} (${lastError(error.details)})`;
  return service.transportFault(reason, message, { cause: error, hint: service.hints.unreachable });
}

/** grpc-js wraps the error of the last attempt into words of its own. */
const lastError = (details: string): string =>
  /^No connection established\. Last error: (?:Error: )?(.*?)\.? Resolution note: *$/s.exec(details)?.[1]?.trim() ??
  details;

function errorInfoOf(error: ServiceError): ErrorInfo | undefined {
  const [bytes] = error.metadata.get(DETAILS_KEY);
  if (!(bytes instanceof Buffer)) return undefined;
  const packed = Status.decode(bytes).details.find((detail) => detail.typeUrl.endsWith(`/${ERROR_INFO_TYPE}`));
  return packed === undefined ? undefined : ErrorInfo.decode(packed.value);
}
