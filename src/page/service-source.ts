/**
 * Runs of a service, asked over gRPC with the token of whoever looks: what a token may do, and what the audit log says
 * of it, is the same here as for any program.
 */
import { join } from 'node:path';
import { MrpoError } from '../core/errors.js';
import { connect, type RunsClient } from '../service/client/connect.js';
import type { ConnectServiceOptions } from '../service/client/dial.js';
import type { ServiceEvent, ServiceRun } from '../service/client/values.js';
import { RunsFault, type RunsReason } from '../service/fault.js';
import { isRunFolder, readRun, RUN_FILES } from '../store/run-folder.js';
import {
  PageError,
  type PageCaller,
  type PageEvent,
  type PageSource,
  type RunSummary,
  type RunVerb,
} from './source.js';

/** Runs in the list, at most: the newest. */
const LISTED = 500;
/** Clients that are kept open for tokens. */
const CLIENTS = 50;
/** Of a long run the newest events only; its metrics are in its folder. */
const EVENTS_BACK = 20_000;
const FLUSH_MS = 200;

/** A source, and the end of its connections. */
export interface ServiceSource extends PageSource {
  close(): void;
}

/** @param service Where it listens. @param metrics What it tells Prometheus. */
export function serviceSource(
  service: Omit<ConnectServiceOptions, 'token' | 'signal'>,
  metrics: () => Promise<string>,
): ServiceSource {
  const clients = new Map<string, RunsClient>();
  const clientOf = ({ token }: PageCaller): RunsClient => {
    const key = token ?? '';
    const client = clients.get(key) ?? connect({ ...service, token });
    clients.delete(key); // the newest last
    clients.set(key, client);
    const [oldest] = clients.keys();
    if (clients.size > CLIENTS && oldest !== undefined) {
      clients.get(oldest)?.close();
      clients.delete(oldest);
    }
    return client;
  };
  const ask = async <T>(caller: PageCaller, call: (client: RunsClient) => Promise<T>): Promise<T> => {
    try {
      return await call(clientOf(caller));
    } catch (thrown) {
      throw asPageError(thrown);
    }
  };
  return {
    async info(caller) {
      const { version, role } = await ask(caller, (client) => client.info());
      return { version, role, controls: role !== 'read' };
    },
    list: (caller) =>
      ask(caller, async (client) => {
        const runs: RunSummary[] = [];
        for await (const run of client.list()) {
          runs.push(summaryOf(run));
          if (runs.length === LISTED) break;
        }
        return runs;
      }),
    get: async (caller, id) => summaryOf(await ask(caller, (client) => client.get(id))),
    async stored(caller, id) {
      const { folder } = await ask(caller, (client) => client.get(id));
      return (await isRunFolder(folder)) ? readRun(folder) : undefined;
    },
    async metricsFile(caller, id) {
      const { folder } = await ask(caller, (client) => client.get(id));
      return join(folder, RUN_FILES.metrics);
    },
    async *follow(caller, id, signal) {
      const client = clientOf(caller);
      let run = await client.get(id);
      let summary = summaryOf(run);
      yield { run: summary };
      let events: PageEvent[] = [];
      let flushed = Date.now();
      const afterSeq = Math.max(0, run.lastSeq - EVENTS_BACK);
      for await (const event of client.watch(id, { afterSeq, signal, onlyKept: summary.ended })) {
        const isChange = event.type === 'state' || event.type === 'phase';
        if (isChange && event.seq > run.lastSeq) run = await client.get(id);
        summary = isChange ? summaryOf(run) : after(summary, event);
        const text = textOf(event);
        if (text !== undefined) events.push({ seq: event.seq, time: event.time.toISOString(), kind: event.type, text });
        if (Date.now() - flushed < FLUSH_MS && !isChange) continue;
        yield { run: summary, events };
        [events, flushed] = [[], Date.now()];
      }
      yield { run: summaryOf(await client.get(id)), events };
    },
    act: (caller, id, verb) => ask(caller, async (client) => summaryOf(await client[verb](id))),
    async metrics(caller) {
      await ask(caller, (client) => client.info()); // whoever may ask for anything
      return metrics();
    },
    close() {
      for (const client of clients.values()) client.close();
      clients.clear();
    },
  };
}

const ENDED: readonly string[] = ['SUCCEEDED', 'FAILED', 'CANCELLED'];

/** What can be asked of a run in each state. Whether the caller may is the service's to say. */
const VERBS: Readonly<Record<ServiceRun['state'], readonly RunVerb[]>> = {
  PENDING: ['cancel', 'pause'],
  PREPARING: ['cancel', 'pause'],
  RUNNING: ['cancel', 'pause'],
  RECOVERING: ['cancel', 'pause'],
  PAUSED: ['cancel', 'resume'],
  CANCELLING: [],
  SUCCEEDED: [],
  FAILED: ['resume'],
  CANCELLED: ['resume'],
};

function summaryOf(run: ServiceRun): RunSummary {
  const { progress, failure } = run;
  return {
    id: run.id,
    state: run.state,
    phase: run.phase,
    reason: failure?.message ?? (run.reason === '' ? undefined : run.reason),
    hint: failure?.hint,
    labels: run.labels,
    step: progress.step,
    totalSteps: progress.totalSteps,
    etaSeconds: progress.etaSeconds,
    stalled: progress.stalled,
    work: progress.work,
    queuePosition: run.queuePosition,
    createdAt: run.createTime?.toISOString() ?? '',
    endedAt: run.endTime?.toISOString(),
    measures: run.measures,
    evaluation: run.evaluation,
    verbs: VERBS[run.state],
    ended: ENDED.includes(run.state),
  };
}

/** A summary one event later, without asking again. */
function after(summary: RunSummary, event: ServiceEvent): RunSummary {
  if (event.type === 'step') {
    const { step, totalSteps, etaSeconds, measures } = event;
    return { ...summary, step, totalSteps, etaSeconds, measures, work: '' };
  }
  if (event.type === 'evaluation') return { ...summary, evaluation: event.measures };
  if (event.type === 'work') return { ...summary, work: workText(event) };
  return summary;
}

const workText = ({ work, what, done, total, unit }: Extract<ServiceEvent, { type: 'work' }>): string =>
  `${work} ${what}: ${done}${total > 0 ? ` of ${total}` : ''} ${unit}`;

/** An event in a line; undefined for what the curves show. */
function textOf(event: ServiceEvent): string | undefined {
  switch (event.type) {
    case 'state': {
      const { from, state, reason, actor, failure } = event;
      const why = failure?.message ?? reason;
      return `${from.toLowerCase()} → ${state.toLowerCase()}, by ${actor}${why === '' ? '' : `: ${why}`}`;
    }
    case 'phase':
      return event.phase;
    case 'note':
      return event.message;
    case 'evaluation':
      return `held-out pairs at step ${event.step}: loss ${event.measures['loss']?.toPrecision(4) ?? 'not known'}`;
    case 'resumed':
      return `goes on behind step ${event.step}`;
    case 'recovery':
      return `goes on in ${Math.round(event.pauseSeconds)} s, after: ${event.reason}`;
    case 'step':
    case 'work':
    case 'unknown':
      return undefined;
  }
}

const STATUS: Readonly<Partial<Record<RunsReason, number>>> = {
  unauthenticated: 401,
  permission_denied: 403,
  run_not_found: 404,
  artifact_not_found: 404,
  wrong_state: 409,
  unavailable: 503,
  unreachable: 503,
};

function asPageError(thrown: unknown): unknown {
  if (thrown instanceof RunsFault) {
    const status = STATUS[thrown.reason] ?? (thrown.code === 'internal' ? 500 : 400);
    return new PageError(status, thrown.message, thrown.hint);
  }
  // A token that cannot even be sent.
  return thrown instanceof MrpoError && thrown.code === 'usage' ? new PageError(401, thrown.message) : thrown;
}
