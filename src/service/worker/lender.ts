/** Backends that help to score references, asked of the service: what is said of them, and what it answers. */
import { statSync } from 'node:fs';
import type { BackendLender, Loan } from '../../runs/scoring-helpers.js';
import type { JournalWriter } from '../journal/append.js';
import { followFile } from '../journal/follow-file.js';
import type { HelpAnswer, HelpLine } from '../journal/help.js';
import { readLines } from '../journal/read.js';

/** The way to the service. A service that is not there lends nothing, and nobody waits for it. */
export interface HelpChannel {
  say(line: HelpLine): void;
  /** Calls `onAnswer` for each answer from now on. @returns how to leave. */
  hear(onAnswer: (answer: HelpAnswer) => void): () => void;
}

/** Asks over the journal of a run. @param path Of the journal. */
export const journalLender = (journal: JournalWriter, path: string): BackendLender =>
  lenderOver({
    say: (line) => journal.append(line),
    hear(onAnswer) {
      let cursor = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
      return followFile(path, () => {
        const read = unlessItFails(() => readLines(path, cursor));
        if (read === undefined) return;
        cursor = read.cursor;
        for (const line of read.lines) if (line.type === 'lent' || line.type === 'recall') onAnswer(line);
      });
    },
  });

/** A full disk costs help, and no run: what is not said now counts as said when the attempt ends. */
function unlessItFails<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}

/** Asks over any way to the service. */
export function lenderOver({ say: told, hear }: HelpChannel): BackendLender {
  const say = (line: HelpLine): void => unlessItFails(() => told(line));
  return {
    ask(most, without, lend) {
      const loans = new Map<string, AbortController>();
      const loanOf = (address: string): Loan => {
        const recall = new AbortController();
        loans.set(address, recall);
        return {
          address,
          recalled: recall.signal,
          giveBack() {
            loans.delete(address);
            say({ type: 'returned', helpers: [address] });
          },
        };
      };
      const leave = hear(({ type, helpers }) => {
        if (type === 'recall') for (const address of helpers) loans.get(address)?.abort();
        else lend(helpers.filter((address) => !loans.has(address)).map(loanOf));
      });
      say({ type: 'help-wanted', most, without });
      return () => {
        leave();
        say({ type: 'help-over' });
      };
    },
  };
}
