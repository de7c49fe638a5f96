/** What the calls need to know of the service they call; everything else in this room is the same for every service. */
import type { MrpoError, MrpoErrorOptions } from '../core/errors.js';

/** Why a call failed before the service itself could answer. */
export type TransportReason =
  | 'unreachable' // nobody answers at the address
  | 'unauthenticated'
  | 'protocol' // another version, or frames that make no sense
  | 'failed'; // anything else that went wrong over there

/** The part of a call that differs between services: names in messages, methods, hints and error classes. */
export interface RpcService<Method extends string = string> {
  /** What answers, as messages name it: "backend". */
  readonly peer: string;
  /** As generated from the .proto: which methods there are, and which may be sent twice. */
  readonly methods: Readonly<Record<Method, { readonly options: object }>>;
  /** What the user can do about a failure of the transport; `dropped` is for a process of this program's own. */
  readonly hints: Readonly<Partial<Record<TransportReason | 'dropped', string>>>;
  /** The service's own error for a failure of the transport. */
  transportFault(reason: TransportReason, message: string, options?: MrpoErrorOptions): MrpoError;
  /** The service's own error for what the server refused; `reason` is the name in its ErrorInfo. */
  serverFault(reason: string, message: string, options?: MrpoErrorOptions): MrpoError;
}
