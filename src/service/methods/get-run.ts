/** GetRun: one run with its configuration. */
import type { GetRunRequest } from '../../gen/mrpo/runs/v1/runs.js';
import { BinaryWriter } from '@bufbuild/protobuf/wire';
import { encodedRunOf, runNamed, type Service } from './service.js';

/** An encoded GetRunResponse. @throws RunsFault `run_not_found`. */
export function getRun(service: Service, { runId }: GetRunRequest): Buffer {
  const run = encodedRunOf(service, runNamed(service, runId), true);
  return Buffer.from(new BinaryWriter().uint32(10).bytes(run).finish()); // GetRunResponse.run
}
