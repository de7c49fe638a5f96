/** BackendService as the generic calls of `src/rpc` see it. */
import { BackendServiceDefinition, type BackendServiceClient } from '../../gen/mrpo/backend/v1/backend.js';
import type { Connection } from '../../rpc/connection.js';
import type { RpcService } from '../../rpc/service.js';
import { BackendFault } from '../fault.js';
import { faultReason } from './wire.js';

/** Name of a method as the generated client spells it: "loadModel". */
export type BackendMethod = keyof typeof BackendServiceDefinition.methods;
/** A connection whose client is that of BackendService. */
export type BackendConnection = Connection<BackendServiceClient, BackendMethod>;

/** Turns failures of calls into {@link BackendFault}s, with hints for the user of a backend. */
export const BACKEND_SERVICE: RpcService<BackendMethod> = {
  peer: 'backend',
  methods: BackendServiceDefinition.methods,
  hints: {
    unreachable: 'Start one with "mrpo backend --address ADDRESS", or unset MRPO_BACKEND to use the embedded backend.',
    dropped:
      'Its process still runs. Try again; if it happens again, start a backend with "mrpo backend" and see its log.',
    unauthenticated: 'Set MRPO_TOKEN to the token the backend was started with.',
    protocol: 'Is this an mrpo backend, and of the same version?',
  },
  transportFault: (reason, message, options) => new BackendFault(reason, message, options),
  serverFault: (reason, message, options) => new BackendFault(faultReason(reason), message, options),
};
