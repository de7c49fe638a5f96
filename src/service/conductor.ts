/**
 * Brings waiting runs to free backends, follows those at work, and passes on what is asked of them. All that it needs to
 * know after a restart is in the journals and in the locks of living processes.
 */
import type { ServiceHome } from './home.js';
import { followFile } from './journal/follow-file.js';
import { isWaiting } from './journal/fold.js';
import type { Asked } from './journal/line.js';
import type { Ledger } from './ledger.js';
import { createLending, type Lending } from './queue/lending.js';
import { freeBackend, type BackendSlots } from './queue/slots.js';
import { watchBackends, type BackendHealth } from './queue/backend-health.js';
import { inTurn } from './queue/turn.js';
import type { IndexedRun } from './store/run-index.js';
import { ALREADY_AT_WORK, BACKEND_AWAY } from './worker/exit-codes.js';
import { askToStop, endAtOnce, findWorker, startWorker, type WorkerProcess } from './worker/spawn.js';

/** Decides which run is at work. */
export interface Conductor {
  /** Starts what can be started. To be called whenever something has changed. */
  tick(): void;
  /** Passes a wish on to the run; gives the run as it is then. */
  ask(run: IndexedRun, what: Asked, actor: string, reason?: string): IndexedRun;
  /** Puts a run back into the queue; gives the run as it is then. */
  resume(run: IndexedRun, actor: string): IndexedRun;
  /** 1 = next; 0 = does not wait. */
  queuePosition(id: string): number;
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
  readonly absence?: Partial<Absence> | undefined;
  /** Default: looks at the addresses itself. */
  readonly watch?: typeof watchBackends | undefined;
}

/** When a backend counts as gone. In milliseconds. */
export interface Absence {
  /** Between two looks at the backends. Default 5 s. */
  readonly lookEveryMs: number;
  /** A backend that is away for so long loses its runs to one that is free. Default 30 s. */
  readonly moveAfterMs: number;
}

const ABSENCE: Absence = { lookEveryMs: 5_000, moveAfterMs: 30_000 };

interface AtWork {
  readonly process: WorkerProcess;
  readonly backend: string;
  readonly tenant: string;
}

/** Attempts in a row that end without a word and without a step gained, before a run is given up. */
const MOST_LOSSES = 3;

/** Finds the runs that are at work already and starts what can be started. */
export function startConductor(options: ConductorOptions): Conductor {
  const { home, ledger, backends, env, watch = watchBackends } = options;
  const { lookEveryMs, moveAfterMs } = { ...ABSENCE, ...options.absence };
  const { index } = ledger;
  const atWork = new Map<string, AtWork>();
  const left = new AbortController();
  let stopping = false;
  let positions: ReadonlyMap<string, number> = new Map();

  const follow = (run: IndexedRun, process: WorkerProcess): void => {
    const { id, tenant } = run.order;
    atWork.set(id, { process, backend: run.view.backend, tenant });
    let { help } = run.view;
    const leave = followFile(home.run(id).journal, () => {
      const now = ledger.catchUp(id)?.view.help;
      if (now === help) return;
      help = now; // it wants some, or gives some back
      tick();
    });
    void process.ended.then((code) => {
      leave();
      atWork.delete(id);
      if (!stopping) over(id, code);
    });
  };

  const over = (id: string, code: number | undefined): void => {
    const run = ledger.catchUp(id);
    if (run?.view.working === true) {
      const other = code === ALREADY_AT_WORK ? findWorker(home.run(id), left.signal) : undefined;
      if (other !== undefined) return follow(run, other);
      if (code === BACKEND_AWAY) health.noteAway(run.view.backend);
      const how = code === undefined ? 'was ended' : `has ended with code ${code}`;
      const reason =
        code === BACKEND_AWAY
          ? `no backend answers at ${run.view.backend}: the run waits for one that does`
          : `the process of the run ${how}; its last words: mrpo runs download ${id} --what log`;
      lose(id, reason, false);
    }
    tick();
  };

  const lose = (id: string, reason: string, away: boolean): void => {
    const run = ledger.record(id, { type: 'lost', reason, away });
    if (run === undefined || !isWaiting(run.view) || run.view.lostInARow < MOST_LOSSES) return;
    const message = `${reason}; that was so ${MOST_LOSSES} times in a row without a step gained`;
    const failure = { class: 'BACKEND', reason: 'process_lost', message, retryable: true } as const;
    ledger.record(id, { type: 'ended', outcome: 'failed', reason: message, failure });
  };

  const start = (run: IndexedRun, backend: string): void => {
    const { id } = run.order;
    const begun = ledger.record(id, { type: 'attempt', attempt: run.view.attempt + 1, backend });
    if (begun !== undefined) follow(begun, startWorker(home.run(id), backend, env));
  };

  const tick = (): void => {
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
    for (const { run, backend } of starting) start(run, backend);
    positions = new Map(queue.slice(starting.length).map(({ id }, i) => [id, i + 1]));
    lending.settle(positions.size);
  };

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
    onChange: () => tick(),
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
      moveFromAway();
    },
  );

  for (const run of index.inStates(['PENDING', 'PREPARING', 'RUNNING', 'RECOVERING', 'CANCELLING'])) {
    const { id } = run.order;
    const process = findWorker(home.run(id), left.signal);
    if (process !== undefined && run.view.working) follow(run, process);
    else if (run.view.working) lose(id, 'the process of the run was gone when the service came back', true);
  }
  tick();

  return {
    tick,
    ask(run, what, actor, reason) {
      const { id } = run.order;
      const worker = atWork.get(id);
      const asked = ledger.record(id, { type: 'asked', what, actor, reason }) ?? run;
      if (worker !== undefined) {
        if (run.view.asked === 'cancel') endAtOnce(worker.process);
        else askToStop(worker.process);
      }
      tick();
      return asked;
    },
    resume(run, actor) {
      const resumed = ledger.record(run.order.id, { type: 'resumed-by', actor }) ?? run;
      tick();
      return ledger.index.find(run.order.id) ?? resumed;
    },
    health,
    queuePosition: (id) => positions.get(id) ?? 0,
    busy,
    borrow: lending.borrow,
    lender: lending.lender,
    async stop(graceMs) {
      const workers = [...atWork.entries()];
      stopping = true;
      health.stop();
      for (const [id, { process }] of workers) {
        ledger.record(id, { type: 'asked', what: 'suspend', actor: 'service', reason: 'the service stops' });
        askToStop(process);
      }
      const all = Promise.all(workers.map(([, { process }]) => process.ended));
      await Promise.race([all, new Promise((resolve) => setTimeout(resolve, graceMs).unref())]);
      for (const [id] of workers) ledger.catchUp(id);
      left.abort();
    },
  };
}

function countTenants(atWork: readonly AtWork[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { tenant } of atWork) counts[tenant] = (counts[tenant] ?? 0) + 1;
  return counts;
}
