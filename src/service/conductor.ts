/**
 * Brings waiting runs to free backends, follows those at work, and passes on what is asked of them. All that it needs to
 * know after a restart is in the journals and in the locks of living processes.
 */
import { MrpoError } from '../core/errors.js';
import type { ServiceHome } from './home.js';
import { isWaiting } from './journal/fold.js';
import type { Asked } from './journal/line.js';
import type { Ledger } from './ledger.js';
import { createLending, type Lending } from './queue/lending.js';
import { freeBackend, type BackendSlots } from './queue/slots.js';
import { watchBackends, type BackendHealth } from './queue/backend-health.js';
import { inTurn } from './queue/turn.js';
import type { IndexedRun } from './store/run-index.js';
import { followAttempts, type AtWork } from './worker/attempts.js';
import { askToStop, endAtOnce } from './worker/spawn.js';

/** Decides which run is at work. */
export interface Conductor {
  /** Starts what can be started. To be called whenever something has changed. */
  tick(): void;
  /** Passes a wish on to the run; gives the run as it is then. */
  ask(run: IndexedRun, what: Asked, actor: string, reason?: string): IndexedRun;
  /** Ends the processes of a run where they stand; what has been asked of it before says what it is then. */
  endAtOnce(id: string): void;
  /** Puts a run back into the queue; gives the run as it is then. */
  resume(run: IndexedRun, actor: string): IndexedRun;
  /** 1 = next; 0 = does not wait. */
  queuePosition(id: string): number;
  /** Why no run can be started at all, in words. Undefined: what waits, waits for its turn. */
  whyNoneStarts(): string | undefined;
  /** Addresses of the backends at work: one for each run, those that help it, and those that are borrowed. */
  busy(): readonly string[];
  /** Which backends answer. */
  readonly health: Pick<BackendHealth, 'isAway'>;
  /** Slots of backends for other work than runs: waits for one, and takes `most` at most. */
  readonly borrow: Lending['borrow'];
  /** Lends backends to such work. */
  readonly lender: Lending['lender'];
  /** Asks every run to stop at its next step, to go on when the service is back; waits for `graceMs` at most. */
  stop(graceMs: number): Promise<void>;
}

/** Where runs are kept, and what they run on. */
export interface ConductorOptions {
  readonly home: ServiceHome;
  readonly ledger: Ledger;
  readonly backends: readonly BackendSlots[];
  /** Of the processes of runs. */
  readonly env: NodeJS.ProcessEnv;
  readonly times?: Partial<ConductorTimes> | undefined;
  /** Hears of what has failed and is tried again. */
  readonly onTrouble?: ((error: Error) => void) | undefined;
  /** Default: looks at the addresses itself. */
  readonly watch?: typeof watchBackends | undefined;
}

/** In milliseconds. */
export interface ConductorTimes {
  /** Between two looks at the backends. Default 5 s. */
  readonly lookEveryMs: number;
  /** A backend that is away for so long loses its runs to one that is free. Default 30 s. */
  readonly moveAfterMs: number;
  /** After something has failed here, a full disk mostly. Default 5 s. */
  readonly tryAgainMs: number;
}

const TIMES: ConductorTimes = { lookEveryMs: 5_000, moveAfterMs: 30_000, tryAgainMs: 5_000 };

/** Finds the runs that are at work already and starts what can be started. */
export function startConductor(options: ConductorOptions): Conductor {
  const { home, ledger, backends, env, watch = watchBackends } = options;
  const { lookEveryMs, moveAfterMs, tryAgainMs } = { ...TIMES, ...options.times };
  const { index } = ledger;
  let stopping = false;
  let positions: ReadonlyMap<string, number> = new Map();
  let again: NodeJS.Timeout | undefined;
  /** While no backend answers: the runs that were told so. */
  let outage: Set<string> | undefined;

  /** Does what nobody waits for. A failure ends neither the service nor what else there is to do: it is tried again. */
  const tended = (work: () => void): void => {
    try {
      work();
    } catch (thrown) {
      if (again !== undefined || stopping) return;
      options.onTrouble?.(thrown as Error);
      again = setTimeout(() => {
        again = undefined;
        tended(() => attempts.adopt(false));
        tick();
      }, tryAgainMs).unref();
    }
  };
  const tick = (): void => {
    tended(startWaiting);
    tended(tellAway);
  };

  const whyNoneStarts = (): string | undefined =>
    backends.length === 0 || living().length > 0
      ? undefined
      : `no backend answers (${backends.map(({ address }) => address).join(', ')})`;

  /** Once in an outage, here and in each run that waits: from outside it would look like a long queue. */
  const tellAway = (): void => {
    const why = whyNoneStarts();
    if (why === undefined || stopping) {
      outage = undefined;
      return;
    }
    if (outage === undefined) options.onTrouble?.(new MrpoError('backend', why));
    outage ??= new Set();
    for (const id of positions.keys()) {
      if (outage.has(id)) continue;
      outage.add(id);
      ledger.record(id, { type: 'note', message: `waits: ${why}` });
    }
  };

  const startWaiting = (): void => {
    if (stopping) return;
    const waiting = index
      .inStates(['PENDING', 'RECOVERING'])
      // One whose last process has yet to go is started when it has gone: that end would pass for the new one's.
      .filter(({ view, order }) => isWaiting(view) && !atWork.has(order.id))
      .map((run) => ({ run, ...run.order, number: run.number, recovering: run.view.state === 'RECOVERING' }));
    const queue = inTurn(waiting, countTenants([...atWork.values()]));
    const taken = busy();
    const starting: { readonly run: IndexedRun; readonly backend: string }[] = [];
    for (const { run } of queue) {
      const backend = freeBackend(living(), taken);
      if (backend === undefined) break;
      starting.push({ run, backend });
      taken.push(backend);
    }
    let begun = true;
    for (const { run, backend } of starting) tended(() => (begun = attempts.start(run, backend) && begun));
    if (!begun) return startWaiting(); // there is room for another one
    positions = new Map(queue.slice(starting.length).map(({ id }, i) => [id, i + 1]));
    lending.settle(positions.size);
  };

  const attempts = followAttempts({
    ...{ home, ledger, env, tended },
    onChange: tick,
    onAway: (backend) => health.noteAway(backend),
  });
  const { atWork } = attempts;

  const ofRuns = (): string[] => [...atWork.values()].map(({ backend }) => backend);
  const busy = (): string[] => [...ofRuns(), ...lending.busy()];

  const living = (): BackendSlots[] => backends.filter(({ address }) => !health.isAway(address));

  const lending = createLending({
    living,
    atWork: ofRuns,
    runs: () =>
      [...atWork.keys()].flatMap((id) => {
        const help = index.find(id)?.view.help;
        return help === undefined ? [] : [{ help, tell: (answer) => void ledger.record(id, answer) }];
      }),
    onChange: tick,
  });

  /** A run whose backend is away goes on from its checkpoint on one that is free. */
  const moveFromAway = (): void => {
    for (const [id, { process, backend }] of atWork) {
      if (health.awayFor(backend) < moveAfterMs || index.find(id)?.view.asked !== undefined) continue;
      if (freeBackend(living(), busy()) === undefined) return;
      const reason = `its backend ${backend} is away, and another one is free`;
      ledger.record(id, { type: 'asked', what: 'suspend', actor: 'service', reason });
      askToStop(process);
      return; // one at a time: the next look sees what became of it
    }
  };

  const health = watch(
    backends.map(({ address }) => address),
    lookEveryMs,
    () => {
      if (stopping) return;
      tick();
      tended(moveFromAway);
    },
  );

  attempts.adopt(true);
  tick();

  return {
    tick,
    ask(run, what, actor, reason) {
      const { id } = run.order;
      const worker = atWork.get(id);
      const asked = ledger.record(id, { type: 'asked', what, actor, reason }) ?? run;
      if (worker !== undefined) askToStop(worker.process);
      tick();
      return asked;
    },
    endAtOnce(id) {
      const worker = atWork.get(id);
      if (worker !== undefined) endAtOnce(worker.process);
    },
    resume(run, actor) {
      const resumed = ledger.record(run.order.id, { type: 'resumed-by', actor }) ?? run;
      tick();
      return ledger.index.find(run.order.id) ?? resumed;
    },
    health,
    queuePosition: (id) => positions.get(id) ?? 0,
    whyNoneStarts,
    busy,
    borrow: lending.borrow,
    lender: lending.lender,
    async stop(graceMs) {
      const workers = [...atWork.entries()];
      stopping = true;
      health.stop();
      const asked = { type: 'asked', what: 'suspend', actor: 'service', reason: 'the service stops' } as const;
      for (const [id, { process }] of workers) {
        tended(() => ledger.record(id, asked));
        askToStop(process);
      }
      const all = Promise.all(workers.map(([, { process }]) => process.ended));
      await Promise.race([all, new Promise((resolve) => setTimeout(resolve, graceMs).unref())]);
      clearTimeout(again);
      for (const [id] of workers) tended(() => ledger.catchUp(id));
      attempts.leave();
    },
  };
}

function countTenants(atWork: readonly AtWork[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { tenant } of atWork) counts[tenant] = (counts[tenant] ?? 0) + 1;
  return counts;
}
