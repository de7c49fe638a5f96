/** A run as it goes on, one JSON object a line: {"run"}, {"metrics", "reset"}, {"events"}, {"alive"}; ends with the run. */
import type { ServerResponse } from 'node:http';
import { tailMetrics } from './metrics-tail.js';
import type { PageCaller, PageNews, PageSource } from './source.js';

/** Between two looks at the metrics. */
const LOOK_MS = 500;
const ALIVE_MS = 15_000;
/** A reader that takes nothing for so long is let go. */
const SLOW_MS = 30_000;

/** Answers a call; resolves when the run has ended or the caller has gone. */
export async function streamRun(
  source: PageSource,
  caller: PageCaller,
  id: string,
  response: ServerResponse,
): Promise<void> {
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  const tail = tailMetrics(await source.metricsFile(caller, id)); // who may not look, hears it before anything is streamed
  response.setHeader('content-type', 'application/x-ndjson; charset=utf-8');
  let said = Date.now();
  const say = async (message: object): Promise<void> => {
    said = Date.now();
    if (!gone.signal.aborted && !response.write(`${JSON.stringify(message)}\n`)) await drained(response);
  };
  const sayMetrics = async (): Promise<void> => {
    for (let more = true; more && !gone.signal.aborted;) {
      const { lines, reset } = await tail.next();
      more = lines.length > 0;
      if (more || reset) await say({ metrics: lines, reset });
    }
  };
  const news = source.follow(caller, id, gone.signal)[Symbol.asyncIterator]();
  let next: Promise<IteratorResult<PageNews>> | undefined;
  try {
    for (;;) {
      next ??= news.next();
      const came = await within(next, LOOK_MS);
      if (gone.signal.aborted) break;
      if (came !== undefined) {
        next = undefined;
        if (came.done === true) break;
        const { run, events = [] } = came.value;
        if (run !== undefined) await say({ run });
        if (events.length > 0) await say({ events });
      }
      await sayMetrics();
      if (Date.now() - said > ALIVE_MS) await say({ alive: true });
    }
    await sayMetrics(); // its last lines
    response.end();
  } finally {
    gone.abort();
    next?.catch(() => undefined);
    await news.return?.();
  }
}

/** What comes within so many ms; undefined without. */
function within<T>(promise: Promise<T>, ms: number): Promise<T | undefined> {
  let timer: NodeJS.Timeout;
  const late = new Promise<undefined>((resolve) => (timer = setTimeout(() => resolve(undefined), ms)));
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
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
