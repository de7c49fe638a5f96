/**
 * A {@link Backend} over gRPC: a Python backend on a Unix socket or another machine. Calls have deadlines or are
 * watched for signs of life, only calls that the .proto marks as idempotent are sent twice, failures are
 * {@link BackendFault}s with the reason the server gave.
 */
import { randomUUID } from 'node:crypto';
import type { ClientReadableStream } from '@grpc/grpc-js';
import { BackendServiceClient } from '../../gen/mrpo/backend/v1/backend.js';
import { PROTOCOL_VERSION, type Backend, type CallOptions, type Progress, type TaskEvaluation } from '../backend.js';
import { BackendFault } from '../fault.js';
import { isStopped } from '../../core/process-owner.js';
import { isLocal, parseAddress } from '../../rpc/address.js';
import { callMetadata, channelCredentials, channelOptions, signOfLife, type TlsFiles } from '../../rpc/channel.js';
import { createHeartbeat } from '../../rpc/heartbeat.js';
import { registerRows } from './register-rows.js';
import { isSilence, silenceFault } from '../../rpc/status.js';
import { serverStream } from '../../rpc/stream.js';
import { createTrainer } from './trainer.js';
import { unary } from '../../rpc/unary.js';
import { BACKEND_SERVICE, type BackendConnection, type BackendMethod } from './service.js';
import * as wire from './wire.js';

/** How a running backend is reached. Times in milliseconds. */
export interface ConnectOptions {
  /** `unix:/path` or `host:port`. */
  readonly address: string;
  /** Bearer token. Default: none. */
  readonly token?: string | undefined;
  /** TLS, for `host:port`. Default: plain text. */
  readonly tls?: TlsFiles | undefined;
  /** The backend must say who it is within so long. Default 10000 ms. */
  readonly answerMs?: number | undefined;
  /** Without a sign of life for so long, calls fail. Default 60000 ms. */
  readonly silenceMs?: number | undefined;
  /** The same for a process of this machine that is suspended (SIGSTOP, a debugger). Default 1800000 ms. */
  readonly asleepMs?: number | undefined;
  /** Deals with a backend that has fallen silent; gives the error that calls fail with. Default: `unreachable`. */
  readonly onSilence?: ((seconds: number) => BackendFault) | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Fires with a {@link BackendFault} as reason when the process behind the address ends. */
  readonly ended?: AbortSignal | undefined;
}

const INFO_TIMEOUT_MS = 10_000;
const UNLOAD_TIMEOUT_MS = 120_000;
const SIGNS_IN_GRACE = 4;
/** That Node's timers know. */
const LONGEST_TIMER_MS = 2 ** 31;
const DEFAULT_SILENCE_MS = 60_000;
/** Somebody has stopped the process and may let it go on; longer than that, and it is taken for forgotten. */
const DEFAULT_ASLEEP_MS = 1_800_000;

/** Dials and asks who answers. Throws `unreachable`, `unauthenticated`, or `protocol` for another protocol version. */
export async function connectBackend(options: ConnectOptions): Promise<Backend> {
  const closing = new AbortController();
  const server: KnownServer = { processId: -1 };
  const connection = dial(options, closing.signal, server);
  let signs: NodeJS.Timeout | undefined;
  const backend = backendOn(connection, options.answerMs ?? INFO_TIMEOUT_MS, () => {
    clearInterval(signs);
    closing.abort(new BackendFault('unreachable', `the connection to ${options.address} is closed`));
    connection.client.close();
  });
  try {
    const info = await backend.info({ signal: options.signal });
    server.processId = info.processId;
    if (info.protocolVersion !== PROTOCOL_VERSION) {
      throw new BackendFault(
        'protocol',
        `the backend at ${options.address} speaks protocol version ${info.protocolVersion}, ` +
          `this program speaks version ${PROTOCOL_VERSION}`,
        { hint: `Install the same release of mrpo on both sides; the backend is ${info.serverVersion}.` },
      );
    }
    if (options.ended === undefined) signs = giveSigns(connection, info.clientGraceSeconds);
    return backend;
  } catch (thrown) {
    await backend.close();
    throw thrown;
  }
}

/** Tells a backend that frees what absent clients hold that this one is still there, also while it asks nothing. */
function giveSigns({ client, metadata }: BackendConnection, graceSeconds: number): NodeJS.Timeout | undefined {
  const everyMs = (graceSeconds * 1000) / SIGNS_IN_GRACE;
  if (!(everyMs > 0 && everyMs < LONGEST_TIMER_MS)) return undefined; // an older backend, or one that waits for ever
  const sign = (): void => void client.getServerInfo({}, metadata, signOfLife(INFO_TIMEOUT_MS), () => undefined);
  return setInterval(sign, everyMs).unref();
}

interface KnownServer {
  processId: number;
}

function dial(options: ConnectOptions, closed: AbortSignal, server: KnownServer): BackendConnection {
  const address = parseAddress(options.address);
  const credentials = channelCredentials(address, options.tls, options.token);
  const client = new BackendServiceClient(address.target, credentials, channelOptions(address, options.tls));
  const metadata = callMetadata(options.token);
  // An embedded backend has no other client, and ends with this one.
  if (options.ended === undefined) metadata.set('mrpo-client', randomUUID());
  const ask = (): Promise<void> =>
    new Promise((resolve, reject) => {
      client.getServerInfo({}, metadata, signOfLife(INFO_TIMEOUT_MS), (error) => {
        if (isSilence(error)) reject(error);
        else resolve();
      });
    });
  const heartbeat = createHeartbeat({
    ask,
    silenceMs: options.silenceMs ?? DEFAULT_SILENCE_MS,
    giveUp: options.onSilence ?? ((seconds) => silenceFault(BACKEND_SERVICE, options.address, seconds)),
    asleep: () => isLocal(address) && isStopped(server.processId),
    asleepMs: options.asleepMs ?? DEFAULT_ASLEEP_MS,
  });
  return {
    service: BACKEND_SERVICE,
    client,
    address: options.address,
    tls: options.tls,
    metadata,
    heartbeat,
    closed,
    ended: options.ended,
  };
}

function backendOn(connection: BackendConnection, infoTimeoutMs: number, close: () => void): Backend {
  const { client, metadata } = connection;
  return {
    async info(call) {
      const method = client.getServerInfo.bind(client);
      const options = { timeoutMs: infoTimeoutMs, signal: call?.signal };
      return wire.fromServerInfo(await unary(connection, 'getServerInfo', method, {}, options));
    },
    async identifyModel(model, call = {}) {
      const request = { model: wire.toModelSpec(model) };
      const open = () => client.identifyModel(request, metadata);
      return wire.fromIdentity(await lastOf(connection, 'identifyModel', open, 'identity', call));
    },
    async loadModel(model, call = {}) {
      const request = { model: wire.toModelSpec(model) };
      const open = () => client.loadModel(request, metadata);
      return wire.fromLoadedModel(await lastOf(connection, 'loadModel', open, 'loaded', call));
    },
    async unloadModel(modelHandle) {
      const method = client.unloadModel.bind(client);
      await unary(connection, 'unloadModel', method, { modelHandle }, { timeoutMs: UNLOAD_TIMEOUT_MS });
    },
    registerRows: (modelHandle, rows, rule, call = {}) => registerRows(connection, modelHandle, rows, rule, call),
    async *score(rowSet, call = {}) {
      if (call.rows?.length === 0) return; // on the wire, no rows means all of them
      const request = { rowSet, rows: [...(call.rows ?? [])], adapterOff: call.adapterOff ?? false };
      const open = () => client.score(request, metadata);
      for await (const message of serverStream(connection, 'score', open, call.signal)) {
        if (message.progress !== undefined) call.onProgress?.(wire.fromProgress(message.progress));
        if (message.rows.length > 0) yield wire.fromScore(message);
      }
    },
    async *generate(modelHandle, prompts, call) {
      const request = wire.toGenerateRequest(modelHandle, prompts, call);
      const open = () => client.generate(request, metadata);
      for await (const message of serverStream(connection, 'generate', open, call.signal)) {
        yield wire.fromGeneration(message);
      }
    },
    async evaluateTasks(modelHandle, tasks, call = {}) {
      const request = wire.toEvaluateRequest(modelHandle, tasks, call);
      const open = () => client.evaluate(request, metadata);
      const documents: TaskEvaluation['documents'][number][] = [];
      let result: Omit<TaskEvaluation, 'documents'> | undefined;
      for await (const { event } of serverStream(connection, 'evaluate', open, call.signal)) {
        if (event?.$case === 'progress') call.onProgress?.(wire.fromProgress(event.value));
        if (event?.$case === 'documents') documents.push(event.value);
        if (event?.$case === 'evaluated') result = wire.fromEvaluated(event.value);
      }
      if (result === undefined) throw new BackendFault('protocol', 'evaluate: the backend ended without "evaluated"');
      return { ...result, documents };
    },
    createTrainer: (modelHandle, rowSet, spec, call = {}) => createTrainer(connection, modelHandle, rowSet, spec, call),
    async exportModel(modelHandle, path, call) {
      const { merge, modelCard, replace = false, rehearse = false, raw = false, rawFolder = '' } = call;
      const request = { modelHandle, path, merge, modelCard, replace, rehearse, raw, rawFolder };
      const open = () => client.export(request, metadata);
      return (await lastOf(connection, 'export', open, 'exported', call)).files;
    },
    async *readDataset(dataset, call = {}) {
      const { split = '', revision = '', configuration = '', limit = 0 } = call;
      const open = () => client.readDataset({ dataset, split, revision, configuration, limit }, metadata);
      for await (const message of serverStream(connection, 'readDataset', open, call.signal)) yield* message.jsonRows;
    },
    async close() {
      close();
    },
  };
}

type ProgressEvent = { readonly $case: 'progress'; readonly value: Progress };
type ResultEvent<Event> = Exclude<NonNullable<Event>, ProgressEvent>;

/** Reads a stream of progress messages that ends with one result, and gives the result. */
async function lastOf<
  Event extends { readonly $case: string; readonly value: unknown },
  Case extends ResultEvent<Event>['$case'],
>(
  connection: BackendConnection,
  name: BackendMethod,
  open: () => ClientReadableStream<{ event?: Event | undefined }>,
  wanted: Case,
  call: CallOptions,
): Promise<Extract<Event, { $case: Case }>['value']> {
  let result: Extract<Event, { $case: Case }> | undefined;
  for await (const { event } of serverStream(connection, name, open, call.signal)) {
    if (event?.$case === 'progress') call.onProgress?.(event.value as Progress);
    else if (event?.$case === wanted) result = event as Extract<Event, { $case: Case }>;
  }
  if (result === undefined) throw new BackendFault('protocol', `${name}: the backend ended without "${wanted}"`);
  return result.value;
}
