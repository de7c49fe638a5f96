/**
 * Backends in use beside those that runs work on: borrowed for a call, or lent to who has pairs to share. Runs come first,
 * then calls that wait for a backend; what is idle then is lent, and taken back as soon as somebody waits.
 */
import { abortError, throwIfAborted } from '../../core/abort.js';
import { foldHelp, type Help, type HelpAnswer, type HelpLine } from '../journal/help.js';
import { divide, type Asker } from './divide.js';
import { freeBackend, idleBackends, type BackendSlots } from './slots.js';

/** A slot of a backend that no run gets until it is given back. */
export interface Borrowed {
  readonly backend: string;
  readonly release: () => void;
}

/** Lends to work beside runs that has pairs to share. */
export interface Lender {
  /** What the work says. @param answer Called with what it is told, at once or later, until `help-over`. */
  hear(line: HelpLine, answer: (answer: HelpAnswer) => void): void;
  /** The work has ended, whatever it has said last. */
  over(): void;
}

/** What of the backends is in use, and who waits. */
export interface Lending {
  /** Addresses of backends: one for each slot that is borrowed, and those that help. */
  busy(): readonly string[];
  /** Gives what is free to who waits, lends what is idle, and asks it back. @param runsWaiting For which none is free. */
  settle(runsWaiting: number): void;
  /** Waits for a free slot. @returns as many as are free then: one at least, `most` at most. */
  borrow(most: number, signal: AbortSignal): Promise<readonly Borrowed[]>;
  lender(): Lender;
}

/** Where lending learns what it may lend. */
export interface LendingOptions {
  /** Backends that answer. */
  readonly living: () => readonly BackendSlots[];
  /** Addresses of the backends of runs: one for each. */
  readonly atWork: () => readonly string[];
  /** Runs with pairs to share. */
  readonly runs: () => readonly Asker[];
  /** Called when something may be free again, or somebody waits. */
  readonly onChange: () => void;
}

/** Nothing is lent or borrowed. */
export function createLending({ living, atWork, runs, onChange }: LendingOptions): Lending {
  const borrowed: string[] = [];
  const works = new Set<{ help: Help | undefined; readonly tell: (answer: HelpAnswer) => void }>();
  const waiting = new Set<{ readonly most: number; readonly take: (found: readonly Borrowed[]) => void }>();

  const askers = (): Asker[] => [
    ...runs(),
    ...[...works].flatMap(({ help, tell }) => (help === undefined ? [] : [{ help, tell }])),
  ];
  const busy = (): string[] => [...askers().flatMap(({ help }) => help.helpers), ...borrowed];
  const inUse = (): string[] => [...atWork(), ...busy()];

  const take = (backend: string): Borrowed => {
    borrowed.push(backend);
    let isHeld = true;
    const release = (): void => {
      if (!isHeld) return;
      isHeld = false;
      borrowed.splice(borrowed.indexOf(backend), 1);
      onChange();
    };
    return { backend, release };
  };

  const serveWaiting = (): void => {
    for (const waiter of waiting) {
      const found: Borrowed[] = [];
      while (found.length < waiter.most) {
        const backend = freeBackend(living(), inUse());
        if (backend === undefined) break;
        found.push(take(backend));
      }
      if (found.length === 0) return;
      waiting.delete(waiter);
      waiter.take(found);
    }
  };

  return {
    busy,
    settle(runsWaiting) {
      if (runsWaiting === 0) serveWaiting();
      const addresses = living().map(({ address }) => address);
      const idle = idleBackends(living(), inUse());
      for (const { tell, answer } of divide(askers(), { idle, living: addresses, waiting: runsWaiting + waiting.size }))
        tell(answer);
    },
    async borrow(most, signal) {
      throwIfAborted(signal);
      return new Promise((resolve, reject) => {
        const giveUp = (): void => {
          waiting.delete(waiter);
          reject(abortError(signal));
          onChange();
        };
        const waiter = {
          most,
          take(found: readonly Borrowed[]) {
            signal.removeEventListener('abort', giveUp);
            resolve(found);
          },
        };
        signal.addEventListener('abort', giveUp, { once: true });
        waiting.add(waiter);
        onChange();
      });
    },
    lender() {
      let work: { help: Help | undefined; readonly tell: (answer: HelpAnswer) => void } | undefined;
      const over = (): void => {
        if (work === undefined) return;
        works.delete(work);
        work = undefined;
        onChange();
      };
      return {
        hear(line, answer) {
          if (line.type === 'help-over') return over();
          if (work === undefined) {
            const own = {
              help: undefined as Help | undefined,
              tell(told: HelpAnswer) {
                own.help = foldHelp(own.help, told);
                answer(told);
              },
            };
            work = own;
            works.add(own);
          }
          work.help = foldHelp(work.help, line);
          onChange();
        },
        over,
      };
    },
  };
}
