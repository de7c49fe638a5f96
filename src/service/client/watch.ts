/** A watch that outlives its connection: it continues behind the last event that it gave. */
import { setTimeout as sleep } from 'node:timers/promises';
import { abortError } from '../../core/abort.js';
import { serverStream } from '../../rpc/stream.js';
import { RunsFault } from '../fault.js';
import type { RunConnection } from './runs-service.js';
import { eventFrom, type ServiceEvent } from './values.js';

/** From where a watch begins, and when it ends. */
export interface WatchOptions {
  /** Number of the last event that is known. Default 0: from the beginning. */
  readonly afterSeq?: number | undefined;
  /** End behind the newest event instead of waiting for more. */
  readonly onlyKept?: boolean | undefined;
  /** Without a service for so long, the watch fails. Default 10 minutes. */
  readonly patienceMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

const FIRST_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 5_000;
const PATIENCE_MS = 600_000;

/** The events of a run, each once and in order, over as many connections as it takes. */
export async function* watch(
  connection: RunConnection,
  runId: string,
  options: WatchOptions,
): AsyncGenerator<ServiceEvent> {
  const { onlyKept = false, patienceMs = PATIENCE_MS, signal } = options;
  let afterSeq = options.afterSeq ?? 0;
  let pause = FIRST_PAUSE_MS;
  let away: number | undefined;
  for (;;) {
    const opened = () => connection.client.watchRun({ runId, afterSeq, onlyKept }, connection.metadata);
    try {
      for await (const { events } of serverStream(connection, 'watchRun', opened, signal)) {
        [pause, away] = [FIRST_PAUSE_MS, undefined];
        for (const event of events) {
          if (event.seq !== afterSeq + 1)
            throw new RunsFault('protocol', `event ${event.seq} came behind event ${afterSeq}`);
          afterSeq = event.seq;
          yield eventFrom(event);
        }
      }
      return;
    } catch (thrown) {
      away ??= Date.now();
      if (!isAway(thrown) || connection.closed.aborted || Date.now() - away > patienceMs) throw thrown;
    }
    await sleep(pause, undefined, { signal }).catch(() => {
      throw abortError(signal);
    });
    pause = Math.min(2 * pause, LONGEST_PAUSE_MS);
  }
}

/** The service has gone, or its connection, or it waits for no reader as slow as this one was: it may be asked again. */
const isAway = (thrown: unknown): boolean =>
  thrown instanceof RunsFault && ['unreachable', 'unavailable', 'slow_reader'].includes(thrown.reason);
