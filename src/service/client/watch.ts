/** A watch that outlives its connection: it continues behind the last event that it gave. */
import { setTimeout as sleep } from 'node:timers/promises';
import { abortError } from '../../core/abort.js';
import type * as pb from '../../gen/mrpo/runs/v1/runs.js';
import { serverStream } from '../../rpc/stream.js';
import { unary, type UnaryMethod } from '../../rpc/unary.js';
import { RunsFault } from '../fault.js';
import type { RunConnection } from './runs-service.js';
import { eventFrom, type ServiceEvent } from './values.js';

/** A service that does not answer. */
export interface Away {
  readonly fault: RunsFault;
  readonly since: Date;
  /** So long it is waited for; then the watch fails. */
  readonly until: Date;
}

/** From where a watch begins, and when it ends. */
export interface WatchOptions {
  /** Number of the last event that is known. Default 0: from the beginning. */
  readonly afterSeq?: number | undefined;
  /** End behind the newest event instead of waiting for more. */
  readonly onlyKept?: boolean | undefined;
  /** Without a service, or without a stream of it that stands, for so long, the watch fails. Default 10 minutes. */
  readonly patienceMs?: number | undefined;
  /** Told once when the service has gone, or the way to it. */
  readonly onAway?: ((away: Away) => void) | undefined;
  /** Told when it answers again, also where the run has no news. @param awayMs Milliseconds that it was away. */
  readonly onBack?: ((awayMs: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

const FIRST_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 5_000;
const PATIENCE_MS = 600_000;
const ASK_TIMEOUT_MS = 10_000;
/** A stream that has stood for so long was a good one, also where the run had no news. */
const STOOD_MS = 30_000;

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
  let told = false;
  // Something on the way may let single questions through, and no stream: who has answered once is back with its news.
  let answered = false;
  const isBack = (): void => {
    if (told) options.onBack?.(Date.now() - (away ?? Date.now()));
    told = false;
  };
  const forget = (): void => {
    [pause, away, told, answered] = [FIRST_PAUSE_MS, undefined, false, false];
  };
  for (;;) {
    const opened = () => connection.client.watchRun({ runId, afterSeq, onlyKept }, connection.metadata);
    let begin = Infinity;
    try {
      if (away !== undefined) {
        await askWhetherBack(connection, signal);
        if (!answered) isBack();
        answered = true;
      }
      begin = Date.now();
      for await (const { events } of serverStream(connection, 'watchRun', opened, signal)) {
        isBack();
        forget();
        for (const event of events) {
          if (event.seq !== afterSeq + 1)
            throw new RunsFault('protocol', `event ${event.seq} came behind event ${afterSeq}`);
          afterSeq = event.seq;
          yield eventFrom(event);
        }
      }
      return;
    } catch (thrown) {
      if (Date.now() - begin >= STOOD_MS) forget();
      away ??= Date.now();
      if (!isAway(thrown) || connection.closed.aborted || Date.now() - away > patienceMs) throw thrown;
      if (!told && thrown.reason !== 'slow_reader') {
        told = true;
        options.onAway?.({ fault: thrown, since: new Date(away), until: new Date(away + patienceMs) });
      }
    }
    await sleep(pause, undefined, { signal }).catch(() => {
      throw abortError(signal);
    });
    pause = Math.min(2 * pause, LONGEST_PAUSE_MS);
  }
}

/** The service has gone, or its connection, or it waits for no reader as slow as this one was: it may be asked again. */
const isAway = (thrown: unknown): thrown is RunsFault =>
  thrown instanceof RunsFault && ['unreachable', 'unavailable', 'slow_reader'].includes(thrown.reason);

/** The watch itself would say nothing until the run has news. */
async function askWhetherBack(connection: RunConnection, signal: AbortSignal | undefined): Promise<void> {
  const { client } = connection;
  const method = (client.getServiceInfo as UnaryMethod<object, pb.GetServiceInfoResponse>).bind(client);
  await unary(connection, 'getServiceInfo', method, {}, { timeoutMs: ASK_TIMEOUT_MS, signal });
}
