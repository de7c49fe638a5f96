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
  /** Without a service for so long, the watch fails. Default 10 minutes. */
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
  for (;;) {
    const opened = () => connection.client.watchRun({ runId, afterSeq, onlyKept }, connection.metadata);
    try {
      if (told) {
        await askWhetherBack(connection, signal);
        options.onBack?.(Date.now() - (away ?? Date.now()));
        [told, away] = [false, undefined];
      }
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
