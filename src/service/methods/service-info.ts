/** GetServiceInfo: what answers, what it may use, and who asks. */
import { VERSION } from '../../core/version.js';
import type { GetServiceInfoResponse } from '../../gen/mrpo/runs/v1/runs.js';
import type { Caller } from '../access/tokens.js';
import type { Service } from './service.js';

/** As it is now; sizes in bytes. */
export async function serviceInfo(service: Service, caller: Caller): Promise<GetServiceInfoResponse> {
  const { ledger, conductor, backends, limits, uploads, roots } = service;
  const busy = conductor.busy();
  return {
    version: VERSION,
    caller: caller.name,
    role: caller.role,
    tenant: caller.tenant,
    backends: backends.map(({ address, slots }) => ({
      address,
      slots,
      busy: busy.filter((used) => used === address).length,
      away: conductor.health.isAway(address),
    })),
    runsWaiting: ledger.index.count('PENDING'),
    maxWaiting: limits.maxWaiting,
    maxUploadBytes: limits.maxUploadBytes,
    uploadedBytes: await uploads.bytes(caller.tenant),
    roots: [...roots.folders],
  };
}
