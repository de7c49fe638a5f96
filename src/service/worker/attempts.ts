/** The attempts of runs: begun, found again after a restart of the service, followed, and their ends noted. */
import type { ServiceHome } from '../home.js';
import { followFile } from '../journal/follow-file.js';
import { isWaiting } from '../journal/fold.js';
import type { Ledger } from '../ledger.js';
import type { IndexedRun } from '../store/run-index.js';
import { ALREADY_AT_WORK, BACKEND_AWAY, EMBEDDED } from './exit-codes.js';
import { askToStop, findWorker, startWorker, type WorkerProcess } from './spawn.js';

/** A run that is at work. */
export interface AtWork {
  readonly process: WorkerProcess;
  readonly backend: string;
  readonly tenant: string;
}

/** Who is at work. */
export interface Attempts {
  /** By id. */
  readonly atWork: ReadonlyMap<string, AtWork>;
  /** Begins an attempt on a backend. @returns false if the run waits no longer, or is none any more. */
  start(run: IndexedRun, backend: string): boolean;
  /**
   * Looks for the process of every run that has one by its journal and is not followed.
   * @param away Whether that has come of a service that was not there, which says nothing against the run.
   */
  adopt(away: boolean): void;
  /** Nobody is followed any more. */
  leave(): void;
}

/** Where runs are kept, and who wants to know. */
export interface AttemptsOptions {
  readonly home: ServiceHome;
  readonly ledger: Ledger;
  /** Of the processes of runs. */
  readonly env: NodeJS.ProcessEnv;
  /** A run has ended, or wants help or gives it back. */
  readonly onChange: () => void;
  /** A run could not reach its backend. */
  readonly onAway: (backend: string) => void;
  /** Does work that nobody waits for; what it throws is told and dealt with later. */
  readonly tended: (work: () => void) => void;
}

const WITHOUT_BACKEND: readonly (string | undefined)[] = ['queue', 'start', 'plan', 'data', 'backend', undefined];

/**
 * Whether an attempt that has come so far has had a backend. Where that breaks off, the run itself may be what ends it: such
 * attempts count, and the backend is not avoided for it.
 */
const hadBackend = (phase: string | undefined): boolean => !WITHOUT_BACKEND.includes(phase);

/** Attempts in a row that end without a word and without a step gained, before a run is given up. */
const MOST_LOSSES = 3;

/** Follows nobody yet. */
export function followAttempts({ home, ledger, env, onChange, onAway, tended }: AttemptsOptions): Attempts {
  const { index } = ledger;
  const atWork = new Map<string, AtWork>();
  const left = new AbortController();

  const follow = (run: IndexedRun, process: WorkerProcess): void => {
    const { id, tenant } = run.order;
    atWork.set(id, { process, backend: run.view.backend, tenant });
    let { help } = run.view;
    const hear = (): void => {
      const now = ledger.catchUp(id)?.view.help;
      if (now === help) return;
      help = now;
      onChange();
    };
    const unfollow = followFile(home.run(id).journal, () => tended(hear));
    void process.ended.then((code) => {
      unfollow();
      atWork.delete(id);
      if (!left.signal.aborted) tended(() => over(id, run.view.backend, code));
    });
  };

  const over = (id: string, backend: string, code: number | undefined): void => {
    const run = ledger.catchUp(id);
    const outOfReach = code === BACKEND_AWAY && !hadBackend(run?.view.phase);
    if (outOfReach) onAway(backend);
    if (run?.view.working === true) {
      const other = code === ALREADY_AT_WORK ? findWorker(home.run(id), left.signal) : undefined;
      if (other !== undefined) {
        follow(run, other);
        // It is of an attempt before: it goes on from its checkpoint where the queue counts it.
        if (backend !== EMBEDDED) askToStop(other);
        return;
      }
      const how = code === undefined ? 'was ended' : `has ended with code ${code}`;
      if (outOfReach) lose(id, `no backend answers at ${backend}: the run waits for one that does`, true);
      else if (code === BACKEND_AWAY) lose(id, `the backend ${backend} broke off in the middle of the work`, false);
      else {
        // Who was asked to stop and has gone without a word was quick to obey.
        const obeyed = run.view.asked !== undefined;
        lose(id, `the process of the run ${how}; its last words: mrpo runs download ${id} --what log`, obeyed);
      }
    }
    onChange();
  };

  const lose = (id: string, reason: string, away: boolean): void => {
    const run = ledger.record(id, { type: 'lost', reason, away });
    if (run === undefined || !isWaiting(run.view) || run.view.lostInARow < MOST_LOSSES) return;
    const message = `${reason}; that was so ${MOST_LOSSES} times in a row without a step gained`;
    const failure = { class: 'BACKEND', reason: 'process_lost', message, retryable: true } as const;
    ledger.record(id, { type: 'ended', outcome: 'failed', reason: message, failure });
  };

  const adoptOne = (id: string, away: boolean): void => {
    const run = ledger.catchUp(id);
    if (run?.view.working !== true) return;
    const process = findWorker(home.run(id), left.signal);
    if (process === undefined) {
      const when = away ? 'was gone when the service came back' : 'could not be started, or its end not be noted';
      return lose(id, `the process of the run ${when}`, away);
    }
    follow(run, process);
    if (run.view.asked !== undefined) askToStop(process); // who asked was killed before the signal was sent, perhaps
  };

  return {
    atWork,
    start(run, backend) {
      const { id } = run.order;
      const now = ledger.catchUp(id);
      if (now === undefined || !isWaiting(now.view)) return false; // its line was written before something failed
      const begun = ledger.record(id, { type: 'attempt', attempt: now.view.attempt + 1, backend });
      if (begun === undefined) return false;
      follow(begun, startWorker(home.run(id), backend, env));
      return true;
    },
    adopt(away) {
      for (const run of index.inStates(['PENDING', 'PREPARING', 'RUNNING', 'RECOVERING', 'CANCELLING'])) {
        const { id } = run.order;
        if (!atWork.has(id)) tended(() => adoptOne(id, away));
      }
    },
    leave: () => left.abort(),
  };
}
