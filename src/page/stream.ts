/** A run as it goes on, one JSON object a line: {"run"}, {"metrics", "reset"}, {"events"}, {"alive"}; ends with the run. */
import type { ServerResponse } from 'node:http';
import { tailMetrics } from './metrics-tail.js';
import type { Caller, PageSource } from './source.js';

/** Between two looks at files and store. */
const LOOK_MS = 500;
const ALIVE_MS = 15_000;
/** A reader that takes nothing for so long is let go. */
const SLOW_MS = 30_000;

/** Writes to the response until the run ends or the reader goes away. */
export async function streamRun(
  source: PageSource,
  caller: Caller,
  id: string,
  response: ServerResponse,
): Promise<void> {
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  let run = await source.get(caller, id); // who may not, hears it before anything is streamed
  const tail = tailMetrics(await source.metricsFile(caller, id));
  response.setHeader('content-type', 'application/x-ndjson; charset=utf-8');
  let seq = 0;
  let said = Date.now();
  let last = '';
  const say = async (message: object): Promise<void> => {
    said = Date.now();
    if (!response.write(`${JSON.stringify(message)}\n`)) await drained(response);
  };
  while (!gone.signal.aborted) {
    const { ended } = run;
    const now = JSON.stringify(run);
    if (now !== last) await say({ run });
    last = now;
    const events = await source.events(caller, id, seq);
    if (events.length > 0) await say({ events });
    seq = events.at(-1)?.seq ?? seq;
    for (;;) {
      const { lines, reset } = await tail.next();
      if (lines.length > 0 || reset) await say({ metrics: lines, reset });
      if (lines.length === 0 || gone.signal.aborted) break;
    }
    if (ended) break; // its last lines were read behind its end
    if (Date.now() - said > ALIVE_MS) await say({ alive: true });
    await pause(LOOK_MS, gone.signal);
    run = await source.get(caller, id);
  }
  response.end();
}

function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => response.destroy(), SLOW_MS);
    const done = (): void => {
      clearTimeout(timer);
      response.off('drain', done).off('close', done);
      resolve();
    };
    response.once('drain', done).once('close', done);
  });
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(done, ms);
    function done(): void {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    }
    signal.addEventListener('abort', done, { once: true });
  });
}
