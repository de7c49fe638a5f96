/** Backends that help to score references, asked of the service: a line of the journal asks, another one answers. */
import { statSync } from 'node:fs';
import type { BackendLender } from '../../runs/scoring-helpers.js';
import type { JournalWriter } from '../journal/append.js';
import { followFile } from '../journal/follow-file.js';
import { readLines } from '../journal/read.js';

/** A service that is not there does not answer; then the run goes on without help. */
const ANSWER_MS = 5000;

/** @param path Of the journal. @param signal Fired: nobody waits for an answer any more. */
export function journalLender(journal: JournalWriter, path: string, signal: AbortSignal): BackendLender {
  const giveBack = (): void => journal.append({ type: 'help-over' });
  return {
    async lend(most, without) {
      const { size } = statSync(path);
      journal.append({ type: 'help-wanted', most, without });
      const lent = await answerBehind(size, path, signal);
      if (lent === undefined) giveBack(); // an answer that comes later counts for nothing
      return lent ?? [];
    },
    giveBack,
  };
}

function answerBehind(start: number, path: string, signal: AbortSignal): Promise<readonly string[] | undefined> {
  return new Promise((resolve) => {
    let cursor = start;
    const done = (lent: readonly string[] | undefined): void => {
      leave();
      clearTimeout(late);
      signal.removeEventListener('abort', giveUp);
      resolve(lent);
    };
    const giveUp = (): void => done(undefined);
    const late = setTimeout(giveUp, ANSWER_MS);
    signal.addEventListener('abort', giveUp, { once: true });
    const leave = followFile(path, () => {
      const read = readLines(path, cursor);
      cursor = read.cursor;
      const answer = read.lines.find((line) => line.type === 'lent');
      if (answer?.type === 'lent') done(answer.helpers);
    });
  });
}
