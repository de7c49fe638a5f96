/** What is happening, on stderr: numbered parts with their time, and inside a run its stages and steps. */
import type { RunEvent } from 'mrpo';

const LINE_EVERY_MS = 5000;

export interface Story {
  /** Begins a part and gives the function that ends it. */
  part(title: string): () => void;
  show(event: RunEvent): void;
  seconds(): number;
}

/** @param parts How many parts there will be. */
export function tellStory(parts: number, write = (text: string): unknown => process.stderr.write(text)): Story {
  const begun = Date.now();
  const since = (start: number): number => (Date.now() - start) / 1000;
  let part = 0;
  let lastLine = 0;
  return {
    part(title) {
      const start = Date.now();
      write(`[${(part += 1)}/${parts}] ${title}\n`);
      return () => write(`      ${since(start).toFixed(1)} s\n`);
    },
    show(event) {
      if (event.type === 'stage' && event.stage !== 'start' && event.stage !== 'done') write(`      ${event.stage}\n`);
      if (event.type === 'note') write(`      note: ${event.message}\n`);
      if (event.type !== 'step') return;
      const last = event.step === event.totalSteps;
      if (!last && Date.now() - lastLine < LINE_EVERY_MS) return;
      lastLine = Date.now();
      const loss = event.measures['loss']?.toFixed(4) ?? '-';
      write(
        `      step ${event.step} of ${event.totalSteps}, loss ${loss}${last ? '' : `, ${Math.ceil(event.etaSeconds)} s left`}\n`,
      );
    },
    seconds: () => since(begun),
  };
}
