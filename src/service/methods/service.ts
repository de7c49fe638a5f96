/** What the methods work with. */
import type { UploadStore } from '../access/uploads.js';
import type { Roots } from '../access/roots.js';
import type { Conductor } from '../conductor.js';
import { RunsFault } from '../fault.js';
import type { ServiceHome } from '../home.js';
import type { Ledger } from '../ledger.js';
import type { Gate } from '../queue/gate.js';
import type { BackendSlots } from '../queue/slots.js';
import type { IndexedRun } from '../store/run-index.js';
import type { Caller } from '../access/tokens.js';
import type { Run } from '../../gen/mrpo/runs/v1/runs.js';
import { encodedRun, runMessage, type RunFacts } from '../protocol/run-message.js';

/** What one tenant may use. */
export interface Limits {
  /** Runs of one tenant that wait. Default 100. */
  readonly maxWaiting: number;
  /** Bytes that one tenant has uploaded. Default 10 GiB. */
  readonly maxUploadBytes: number;
}

/** The parts of the service that methods use. */
export interface Service {
  readonly home: ServiceHome;
  readonly ledger: Ledger;
  readonly conductor: Conductor;
  readonly roots: Roots;
  readonly uploads: UploadStore;
  readonly backends: readonly BackendSlots[];
  readonly limits: Limits;
  /** Whether a spec may bring code (objective.module). */
  readonly allowModules: boolean;
  /** Of the processes that are started. */
  readonly env: NodeJS.ProcessEnv;
  /** For plans and reports. */
  readonly gate: Gate;
}

/** The run with this id. @throws RunsFault `run_not_found`. */
export function runNamed({ ledger }: Service, id: string): IndexedRun {
  const run = ledger.index.find(id);
  if (run !== undefined) return run;
  throw new RunsFault('run_not_found', `there is no run "${id.slice(0, 80)}"`, {
    fields: [{ field: 'run_id', description: 'not found' }],
  });
}

/** A run that the caller may change: one of his tenant's, or any for an admin. */
export function ownRun(service: Service, id: string, caller: Caller): IndexedRun {
  const run = runNamed(service, id);
  if (caller.role === 'admin' || caller.tenant === run.order.tenant) return run;
  throw new RunsFault(
    'permission_denied',
    `run "${id}" belongs to ${run.order.tenant}; "${caller.name}" is of ${caller.tenant}`,
  );
}

/** A run as a message, with its configuration. */
export const runMessageOf = (service: Service, run: IndexedRun): Run => runMessage(factsOf(service, run), true);

/** The same, encoded. @param whole With its configuration; lists leave it out. */
export const encodedRunOf = (service: Service, run: IndexedRun, whole: boolean): Uint8Array =>
  encodedRun(factsOf(service, run), whole);

function factsOf({ conductor }: Service, run: IndexedRun): RunFacts {
  const queuePosition = conductor.queuePosition(run.order.id);
  const { view } = run;
  const why = queuePosition > 0 && view.state === 'PENDING' ? conductor.whyNoneStarts() : undefined;
  return { ...run, queuePosition, view: why === undefined ? view : { ...view, reason: why } };
}
