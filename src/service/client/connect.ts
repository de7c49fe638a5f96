/** A service from a program: runs ordered, watched, stopped and fetched. */
import { randomBytes } from 'node:crypto';
import type { RunConfigInput } from '../../config/index.js';
import * as pb from '../../gen/mrpo/runs/v1/runs.js';
import { serverStream } from '../../rpc/stream.js';
import { unary, type UnaryMethod } from '../../rpc/unary.js';
import { RunsFault } from '../fault.js';
import { specOfConfig } from '../protocol/spec-message.js';
import { runFrom, type RunState, type ServiceEvent, type ServiceRun } from './values.js';
import { dial, type ConnectServiceOptions } from './dial.js';
import type { RunConnection, RunMethod } from './runs-service.js';
import { download, upload, type ArtifactName, type TransferProgress } from './transfer.js';
import { watch, type WatchOptions } from './watch.js';

/** Stops a call, which then rejects with code `aborted`. */
export interface CallSignal {
  readonly signal?: AbortSignal | undefined;
}

/** How a run is ended. */
export interface CancelOptions extends CallSignal {
  /** End its processes where they stand: what no checkpoint holds is lost. Default false. */
  readonly atOnce?: boolean | undefined;
}

/** What is said of a run beside its configuration. */
export interface CreateOptions extends CallSignal {
  /** Chosen by the caller, the call may be repeated: the same id and configuration are one run. Default: a new one. */
  readonly id?: string | undefined;
  readonly labels?: Readonly<Record<string, string>> | undefined;
  /** -100 to 100; higher starts earlier. Default 0. */
  readonly priority?: number | undefined;
  /** Only check the settings, and whether the files that they name are there. */
  readonly validateOnly?: boolean | undefined;
}

/** Of {@link RunsClient.score}. */
export interface ScoreCallOptions extends CallSignal {
  readonly onProgress?: ((progress: pb.WorkProgress) => void) | undefined;
}

/** Of {@link RunsClient.download}. */
export interface DownloadOptions extends CallSignal {
  readonly onProgress?: ((progress: TransferProgress) => void) | undefined;
}

/** Which runs are listed; without any, all. */
export interface ListRunsOptions extends CallSignal {
  readonly states?: readonly RunState[] | undefined;
  readonly labels?: Readonly<Record<string, string>> | undefined;
  readonly tenant?: string | undefined;
}

/** Every failure is a `RunsFault` with a reason; a fired signal is code `aborted`. */
export interface RunsClient extends AsyncDisposable {
  info(call?: CallSignal): Promise<pb.GetServiceInfoResponse>;
  create(
    config: RunConfigInput,
    options?: CreateOptions,
  ): Promise<{ readonly run: ServiceRun; readonly existed: boolean; readonly warnings: readonly string[] }>;
  get(id: string, call?: CallSignal): Promise<ServiceRun>;
  /** Newest first; pages are fetched as they are needed. */
  list(options?: ListRunsOptions): AsyncIterable<ServiceRun>;
  /**
   * Every event behind `afterSeq`, then those that come, until the run has ended. When the service goes away, the watch
   * waits for it and continues behind the last event that it gave.
   */
  watch(id: string, options?: WatchOptions): AsyncIterable<ServiceEvent>;
  pause(id: string, call?: CallSignal): Promise<ServiceRun>;
  resume(id: string, call?: CallSignal): Promise<ServiceRun>;
  /** Stops it at its next step and keeps the adapter of that step. Asked twice is asked once. */
  cancel(id: string, reason?: string, options?: CancelOptions): Promise<ServiceRun>;
  delete(id: string, call?: CallSignal): Promise<void>;
  checkpoints(id: string, call?: CallSignal): Promise<readonly pb.Checkpoint[]>;
  /** Writes the files of an artifact into a folder, each whole and compared with its hash. @returns their paths. */
  download(id: string, artifact: ArtifactName, folder: string, options?: DownloadOptions): Promise<readonly string[]>;
  /** Memory and time of a configuration on the service's machine. */
  plan(config: RunConfigInput, device?: string, call?: CallSignal): Promise<pb.PlanRunResponse>;
  /** Scores the references of a configuration into the service's cache. */
  score(config: RunConfigInput, options?: ScoreCallOptions): Promise<pb.Scored>;
  /** As of `mrpo references --json`. */
  referenceReport(config: RunConfigInput, call?: CallSignal): Promise<Readonly<Record<string, unknown>>>;
  /** As of `mrpo whatif --json`. */
  whatIf(config: RunConfigInput, call?: CallSignal): Promise<Readonly<Record<string, unknown>>>;
  models(call?: CallSignal): Promise<readonly pb.Model[]>;
  /** Sends a preference file. @returns what stands for it in `data.train`. */
  upload(file: string, call?: CallSignal): Promise<string>;
  close(): void;
}

const CALL_TIMEOUT_MS = 60_000;
/** Reading the data of a spec may take a while. */
const WORK_TIMEOUT_MS = 1_800_000;

/**
 * A client of a service; nothing is sent before the first call.
 * @example
 * await using service = connect({ address: '127.0.0.1:50060' });
 * const { run } = await service.create({ policy: { model: '/models/base' }, data: { train: '/data/pairs.jsonl' } });
 * for await (const event of service.watch(run.id)) if (event.type === 'step') console.log(event.step, event.measures.loss);
 * await service.download(run.id, 'result', 'adapter');
 */
export function connect(options: ConnectServiceOptions): RunsClient {
  const connection = dial(options);
  const { client } = connection;
  const call = <Request, Response>(
    name: RunMethod,
    method: UnaryMethod<Request, Response>,
    request: Request,
    signal?: AbortSignal,
    timeoutMs = CALL_TIMEOUT_MS,
  ): Promise<Response> =>
    unary(connection, name, method.bind(client), request, {
      timeoutMs,
      signal: signal ?? options.signal,
    });
  const one = async <Request extends { readonly runId: string }>(
    name: 'pauseRun' | 'resumeRun' | 'getRun' | 'cancelRun',
    request: Request,
    signal?: AbortSignal,
  ): Promise<ServiceRun> => {
    const method = client[name] as UnaryMethod<Request, pb.GetRunResponse>;
    return runFrom((await call(name, method, request, signal)).run);
  };
  const service: RunsClient = {
    info: ({ signal } = {}) =>
      call('getServiceInfo', client.getServiceInfo as UnaryMethod<object, pb.GetServiceInfoResponse>, {}, signal),
    async create(config, { id, labels = {}, priority = 0, validateOnly = false, signal } = {}) {
      const request = {
        // With an id of this side's own, a call whose answer was lost can be sent again.
        runId: id ?? `run-${Date.now().toString(36)}-${randomBytes(5).toString('hex')}`,
        spec: specOfConfig(config),
        labels: { ...labels },
        priority,
        validateOnly,
      };
      const { run, existed, warnings } = await call(
        'createRun',
        client.createRun as UnaryMethod<pb.CreateRunRequest, pb.CreateRunResponse>,
        request,
        signal,
      );
      return { run: runFrom(run), existed, warnings };
    },
    get: (id, { signal } = {}) => one('getRun', { runId: id }, signal),
    async *list({ states = [], labels = {}, tenant = '', signal } = {}) {
      for (let pageToken = ''; ;) {
        const request = {
          pageSize: 0,
          pageToken,
          states: states.map((state) => pb.RunState[`RUN_STATE_${state}`]),
          labels: { ...labels },
          tenant,
        };
        const page = await call(
          'listRuns',
          client.listRuns as UnaryMethod<pb.ListRunsRequest, pb.ListRunsResponse>,
          request,
          signal,
        );
        for (const run of page.runs) yield runFrom(run);
        if (page.nextPageToken === '') return;
        pageToken = page.nextPageToken;
      }
    },
    watch: (id, watchOptions = {}) => watch(connection, id, { signal: options.signal, ...watchOptions }),
    pause: (id, { signal } = {}) => one('pauseRun', { runId: id }, signal),
    resume: (id, { signal } = {}) => one('resumeRun', { runId: id }, signal),
    cancel: (id, reason = '', { signal, atOnce = false } = {}) =>
      one('cancelRun', { runId: id, reason, atOnce }, signal),
    async delete(id, { signal } = {}) {
      await call(
        'deleteRun',
        client.deleteRun as UnaryMethod<pb.DeleteRunRequest, pb.DeleteRunResponse>,
        { runId: id },
        signal,
      );
    },
    async checkpoints(id, { signal } = {}) {
      const method = client.listCheckpoints as UnaryMethod<pb.ListCheckpointsRequest, pb.ListCheckpointsResponse>;
      return (await call('listCheckpoints', method, { runId: id }, signal)).checkpoints;
    },
    download: (id, artifact, folder, { signal, onProgress } = {}) =>
      download(connection, id, artifact, folder, signal ?? options.signal, onProgress),
    plan: (config, device = '', { signal } = {}) =>
      call(
        'planRun',
        client.planRun as UnaryMethod<pb.PlanRunRequest, pb.PlanRunResponse>,
        { spec: specOfConfig(config), device },
        signal,
        WORK_TIMEOUT_MS,
      ),
    score: (config, scoring = {}) => score(connection, config, { signal: options.signal, ...scoring }),
    async referenceReport(config, { signal } = {}) {
      const method = client.referenceReport as UnaryMethod<pb.ReferenceReportRequest, pb.ReferenceReportResponse>;
      const request = { spec: specOfConfig(config) };
      return (await call('referenceReport', method, request, signal, WORK_TIMEOUT_MS)).report ?? {};
    },
    async whatIf(config, { signal } = {}) {
      const method = client.whatIf as UnaryMethod<pb.WhatIfRequest, pb.WhatIfResponse>;
      return (await call('whatIf', method, { spec: specOfConfig(config) }, signal, WORK_TIMEOUT_MS)).result ?? {};
    },
    async models({ signal } = {}) {
      const method = client.listModels as UnaryMethod<pb.ListModelsRequest, pb.ListModelsResponse>;
      return (await call('listModels', method, {}, signal)).models;
    },
    upload: (file, { signal } = {}) => upload(connection, file, signal ?? options.signal),
    close: connection.close,
    async [Symbol.asyncDispose]() {
      service.close();
    },
  };
  return service;
}

async function score(connection: RunConnection, config: RunConfigInput, options: ScoreCallOptions): Promise<pb.Scored> {
  const opened = () => connection.client.scoreReferences({ spec: specOfConfig(config) }, connection.metadata);
  for await (const { event } of serverStream(connection, 'scoreReferences', opened, options.signal)) {
    if (event?.$case === 'progress') options.onProgress?.(event.value);
    else if (event?.$case === 'scored') return event.value;
  }
  throw new RunsFault('protocol', 'scoreReferences: the service ended without a result');
}
