/** Work that starts processes: so many at once, and so many that wait. */
import { abortError } from '../../core/abort.js';
import { RunsFault } from '../fault.js';

/** Lets a limited number of pieces of work through at a time. */
export interface Gate {
  /** Waits for a place. @returns how to leave it. @throws RunsFault `quota` if too many wait. */
  enter(signal: AbortSignal): Promise<() => void>;
}

/** A gate with all its places free. @param atOnce Places. @param waiting Who may wait for one. */
export function createGate(atOnce: number, waiting: number): Gate {
  let inside = 0;
  const queue: (() => void)[] = [];
  const leave = (): void => {
    inside -= 1;
    queue.shift()?.();
  };
  return {
    async enter(signal) {
      if (inside >= atOnce) {
        if (queue.length >= waiting) throw new RunsFault('quota', `${waiting} pieces of work wait already; try again`);
        await new Promise<void>((resolve, reject) => {
          const turn = (): void => {
            signal.removeEventListener('abort', stop);
            resolve();
          };
          const stop = (): void => {
            queue.splice(queue.indexOf(turn), 1);
            reject(abortError(signal));
          };
          queue.push(turn);
          signal.addEventListener('abort', stop, { once: true });
        });
      }
      inside += 1;
      let left = false;
      return () => {
        if (!left) leave();
        left = true;
      };
    },
  };
}
