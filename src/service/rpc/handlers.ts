/** RunService: which method needs which role, and what answers it. */
import type { ServiceDefinition, UntypedServiceImplementation } from '@grpc/grpc-js';
import * as pb from '../../gen/mrpo/runs/v1/runs.js';
import { checkpointsOf, downloadArtifact } from '../methods/artifacts.js';
import { cancelRun, deleteRun, pauseRun, resumeOrdered } from '../methods/control-run.js';
import { createRun } from '../methods/create-run.js';
import { getRun } from '../methods/get-run.js';
import { listModels } from '../methods/list-models.js';
import { listRuns } from '../methods/list-runs.js';
import type { Service } from '../methods/service.js';
import { serviceInfo } from '../methods/service-info.js';
import { planOfSpec, reportOf, scoreSpecReferences } from '../methods/tasks.js';
import { uploadData } from '../methods/upload-data.js';
import { watchRun } from '../methods/watch-run.js';
import type { Role } from '../access/tokens.js';
import type { Guard, Method } from './guard.js';

type MethodName = keyof typeof pb.RunServiceService;

/** Requests come as bytes, for the guard to decode; what is bytes already is sent as it is. */
export const RUN_SERVICE: ServiceDefinition = Object.fromEntries(
  Object.entries(pb.RunServiceService).map(([name, method]) => [
    name,
    {
      ...method,
      requestDeserialize: (bytes: Buffer) => bytes,
      responseSerialize: (value: unknown) =>
        Buffer.isBuffer(value) ? value : method.responseSerialize(value as never),
    },
  ]),
);

/** One handler for each method of RunService. */
export function runServiceHandlers(service: Service, guard: Guard): UntypedServiceImplementation {
  const method = <Name extends MethodName>(
    name: Name,
    role: Role,
  ): Method<ReturnType<(typeof pb.RunServiceService)[Name]['requestDeserialize']>> => ({
    name,
    role,
    decode: pb.RunServiceService[name].requestDeserialize as never,
  });
  return {
    getServiceInfo: guard.unary(method('getServiceInfo', 'read'), (_, { caller }) => serviceInfo(service, caller)),
    createRun: guard.unary(method('createRun', 'run'), (request, call) => createRun(service, request, call)),
    getRun: guard.unary(method('getRun', 'read'), (request) => getRun(service, request)),
    listRuns: guard.unary(method('listRuns', 'read'), (request) => listRuns(service, request)),
    watchRun: guard.serverStream(method('watchRun', 'read'), (request, context) => watchRun(service, request, context)),
    pauseRun: guard.unary(method('pauseRun', 'run'), ({ runId }, { caller }) => ({
      run: pauseRun(service, runId, caller),
    })),
    resumeRun: guard.unary(method('resumeRun', 'run'), ({ runId }, { caller }) => ({
      run: resumeOrdered(service, runId, caller),
    })),
    cancelRun: guard.unary(method('cancelRun', 'run'), (request, { caller }) => ({
      run: cancelRun(service, request, caller),
    })),
    deleteRun: guard.unary(method('deleteRun', 'run'), async ({ runId }, { caller }) => {
      await deleteRun(service, runId, caller);
      return {};
    }),
    listCheckpoints: guard.unary(method('listCheckpoints', 'read'), async ({ runId }) => ({
      checkpoints: await checkpointsOf(service, runId),
    })),
    downloadArtifact: guard.serverStream(method('downloadArtifact', 'read'), (request, context) =>
      downloadArtifact(service, request, context),
    ),
    uploadData: guard.clientStream(method('uploadData', 'run'), (requests, { caller }) =>
      uploadData(service, requests, caller),
    ),
    planRun: guard.unary(method('planRun', 'read'), ({ spec, device }, context) =>
      planOfSpec(service, spec, device, context),
    ),
    scoreReferences: guard.serverStream(method('scoreReferences', 'run'), ({ spec }, context) =>
      scoreSpecReferences(service, spec, context),
    ),
    referenceReport: guard.unary(method('referenceReport', 'read'), async ({ spec }, context) => ({
      report: await reportOf(service, 'report', spec, context),
    })),
    whatIf: guard.unary(method('whatIf', 'read'), async ({ spec }, context) => ({
      result: await reportOf(service, 'whatif', spec, context),
    })),
    listModels: guard.unary(method('listModels', 'read'), async () => ({ models: await listModels(service) })),
  };
}
