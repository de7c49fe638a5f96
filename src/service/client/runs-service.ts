/** RunService as the generic calls of `src/rpc` see it. */
import { RunServiceDefinition, type RunServiceClient } from '../../gen/mrpo/runs/v1/runs.js';
import type { Connection } from '../../rpc/connection.js';
import type { RpcService } from '../../rpc/service.js';
import { reasonOf, RunsFault } from '../fault.js';

/** Name of a method as the generated client spells it: "createRun". */
export type RunMethod = keyof typeof RunServiceDefinition.methods;
/** A connection whose client is that of RunService. */
export type RunConnection = Connection<RunServiceClient, RunMethod>;

/** Turns failures of calls into {@link RunsFault}s, with hints for the user of a service. */
export const RUNS_SERVICE: RpcService<RunMethod> = {
  peer: 'service',
  methods: RunServiceDefinition.methods,
  hints: {
    unreachable: 'Start one with "mrpo serve", or give the address of a running one (MRPO_SERVICE).',
    unauthenticated: 'Set MRPO_SERVICE_TOKEN to a token of the service.',
    protocol: 'Is this an mrpo service, and of the same version?',
  },
  transportFault: (reason, message, options) => new RunsFault(reason, message, options),
  serverFault: (reason, message, options) => new RunsFault(reasonOf(reason), message, options),
};
