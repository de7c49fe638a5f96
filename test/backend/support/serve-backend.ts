/**
 * A gRPC server in this process in front of any Backend: the real protocol, the generated code and the real client,
 * without Python. Single methods can be replaced to play a server that misbehaves.
 */
import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import {
  Metadata,
  Server,
  ServerCredentials,
  status,
  type ServerDuplexStream,
  type ServerWritableStream,
  type sendUnaryData,
} from '@grpc/grpc-js';
import type { Backend, CheckpointPiece, Trainer } from '../../../src/backend/backend.js';
import { BackendFault } from '../../../src/backend/fault.js';
import {
  BackendServiceService,
  ErrorReason,
  Quantization,
  Truncation,
  type BackendServiceServer,
  type LoadCheckpointRequest,
  type LoadCheckpointResponse,
  type ModelSpec,
  type PairText,
  type RegisterRowsRequest,
  type RegisterRowsResponse,
  type TrainRequest,
  type TrainResponse,
} from '../../../src/gen/mrpo/backend/v1/backend.js';
import { ErrorInfo, Status } from '../../../src/gen/mrpo/rpc/v1/status.js';

export interface ServedBackend {
  readonly address: string;
  /** Ends at once: open calls break off. */
  kill(): void;
}

export interface ServeOptions {
  readonly token?: string;
  readonly credentials?: ServerCredentials;
  readonly overrides?: Partial<BackendServiceServer>;
}

/** Serves on a free loopback port. */
export async function serveBackend(backend: Backend, options: ServeOptions = {}): Promise<ServedBackend> {
  const server = new Server({ 'grpc.max_receive_message_length': 16 * 1024 * 1024 });
  const handlers = Object.assign(handlersOf(backend, options.token), options.overrides);
  server.addService(BackendServiceService, handlers);
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', options.credentials ?? ServerCredentials.createInsecure(), (error, bound) => {
      if (error === null) resolve(bound);
      else reject(error);
    });
  });
  return { address: `127.0.0.1:${port}`, kill: () => server.forceShutdown() };
}

/** A fault as the Python backend sends it: status, and an ErrorInfo in the trailer. */
export function failureOf(thrown: unknown): { code: status; details: string; metadata: Metadata } {
  const metadata = new Metadata();
  const details = thrown instanceof Error ? thrown.message : String(thrown);
  if (thrown instanceof BackendFault) {
    const info = { reason: reasonName(thrown), domain: 'mrpo.backend', metadata: hintOf(thrown) };
    const packed = {
      typeUrl: 'type.googleapis.com/google.rpc.ErrorInfo',
      value: Buffer.from(ErrorInfo.encode(info).finish()),
    };
    const rich = Status.encode({ code: status.FAILED_PRECONDITION, message: details, details: [packed] }).finish();
    metadata.set('grpc-status-details-bin', Buffer.from(rich));
  }
  return { code: status.FAILED_PRECONDITION, details, metadata };
}

const reasonName = (fault: BackendFault): keyof typeof ErrorReason =>
  `ERROR_REASON_${fault.reason.toUpperCase()}` as keyof typeof ErrorReason;
const hintOf = (fault: BackendFault): Record<string, string> => (fault.hint === undefined ? {} : { hint: fault.hint });

function handlersOf(backend: Backend, token: string | undefined): BackendServiceServer {
  const trainers = new Map<
    string,
    { spec: Parameters<Backend['createTrainer']>[2]; model: string; trainer?: Trainer }
  >();
  const liveTrainer = (handle: string): Trainer => {
    const trainer = trainers.get(handle)?.trainer;
    if (trainer === undefined) throw new BackendFault('unknown_handle', `no trainer "${handle}"`);
    return trainer;
  };
  const allowed = (metadata: Metadata): boolean =>
    token === undefined || metadata.get('authorization')[0] === `Bearer ${token}`;
  const denied = { code: status.UNAUTHENTICATED, details: 'wrong or missing token' };

  const answer = async <T>(metadata: Metadata, callback: sendUnaryData<T>, work: () => Promise<T>): Promise<void> => {
    if (!allowed(metadata)) return callback(denied);
    await work().then(
      (value) => callback(null, value),
      (thrown: unknown) => callback(failureOf(thrown)),
    );
  };
  const stream = async <Q, S>(
    call: ServerWritableStream<Q, S>,
    work: (write: (message: S) => void, signal: AbortSignal) => Promise<void>,
  ): Promise<void> => {
    if (!allowed(call.metadata)) return void call.emit('error', denied);
    const stop = new AbortController();
    call.on('cancelled', () => stop.abort());
    await work((message) => void call.write(message), stop.signal).then(
      () => call.end(),
      (thrown: unknown) => void (stop.signal.aborted || call.emit('error', failureOf(thrown))),
    );
  };

  return {
    getServerInfo: ({ metadata }, callback) =>
      void answer(metadata, callback, async () => ({
        ...(await backend.info()),
        versions: {},
        capabilities: [],
        maxMessageBytes: 0,
        models: [],
      })),
    unloadModel: ({ metadata, request }, callback) =>
      void answer(metadata, callback, async () => (await backend.unloadModel(request.modelHandle), {})),
    identifyModel: (call) =>
      void stream(call, async (write) =>
        write({ event: { $case: 'identity', value: await backend.identifyModel(specOf(call.request.model)) } }),
      ),
    loadModel: (call) =>
      void stream(call, async (write) => {
        const onProgress = (value: { stage: string; done: number; total: number; unit: string }): void =>
          write({ event: { $case: 'progress', value } });
        const { handle, ...facts } = await backend.loadModel(specOf(call.request.model), { onProgress });
        write({ event: { $case: 'loaded', value: { ...facts, notes: [...facts.notes], modelHandle: handle } } });
      }),
    registerRows: (call) =>
      void stream(call as never, (write: (message: RegisterRowsResponse) => void) => registerAll(backend, call, write)),
    score: (call) =>
      void stream(call, async (write, signal) => {
        const { rowSet, rows, adapterOff } = call.request;
        for await (const chunk of backend.score(rowSet, {
          adapterOff,
          signal,
          ...(rows.length > 0 ? { rows } : {}),
          onProgress: (progress) => write({ rows: [], chosenLogps: [], rejectedLogps: [], progress }),
        })) {
          write({
            rows: [...chunk.rows],
            chosenLogps: [...chunk.logps.chosen],
            rejectedLogps: [...chunk.logps.rejected],
            progress: undefined,
          });
        }
      }),
    generate: (call) =>
      void stream(call, async (write, signal) => {
        const { modelHandle, prompts, topP, ...options } = call.request;
        for await (const text of backend.generate(modelHandle, prompts, {
          ...options,
          topP: topP === 0 ? 1 : topP,
          signal,
        }))
          write(text);
      }),
    evaluate: (call) =>
      void stream(call, async () => {
        const { modelHandle, tasks } = call.request;
        await backend.evaluateTasks(modelHandle, tasks);
      }),
    export: (call) =>
      void stream(call, async (write) => {
        const { modelHandle, path, ...options } = call.request;
        const files = await backend.exportModel(modelHandle, path, options);
        write({ event: { $case: 'exported', value: { path, files: [...files] } } });
      }),
    readDataset: (call) =>
      void stream(call, async (write) => {
        for await (const row of backend.readDataset(call.request.dataset)) write({ jsonRows: [row] });
      }),
    createTrainer: ({ metadata, request }, callback) =>
      void answer(metadata, callback, async () => {
        const { modelHandle, lora, ...rest } = request;
        // A probe on an empty row set finds what is wrong with the request; the stream's Open names the rows.
        const spec = { ...rest, lora } as Parameters<Backend['createTrainer']>[2];
        const rows = await backend.registerRows(modelHandle, [], {
          maxLength: 8,
          truncation: 'drop',
          template: 'chat',
        });
        const probe = await backend.createTrainer(modelHandle, rows.handle, spec);
        await probe.close();
        const trainerHandle = `trainer-${trainers.size + 1}`;
        trainers.set(trainerHandle, { spec, model: modelHandle });
        const { trainableParameters, checkpointing, microBatchTokens, saturatingTokens, deterministic } = probe;
        return {
          trainerHandle,
          trainableParameters,
          checkpointing,
          microBatchTokens,
          saturatingTokens,
          deterministic,
          trainedModules: [...probe.trainedModules],
        };
      }),
    closeTrainer: ({ metadata, request }, callback) =>
      void answer(metadata, callback, async () => {
        await trainers.get(request.trainerHandle)?.trainer?.close();
        trainers.delete(request.trainerHandle);
        return {};
      }),
    saveCheckpoint: (call) =>
      void stream(call, async (write) => {
        const { trainerHandle, step } = call.request;
        const { bytes, pieces } = await liveTrainer(trainerHandle).saveCheckpoint(step);
        write({ event: { $case: 'copied', value: { bytes } } });
        for await (const { file, data } of pieces) {
          const sha256 = createHash('sha256').update(data).digest('hex');
          write({ event: { $case: 'piece', value: { file, data: Buffer.from(data), sha256 } } });
        }
        write({ event: { $case: 'saved', value: {} } });
      }),
    loadCheckpoint: (call) =>
      void stream(call as never, async (write: (message: LoadCheckpointResponse) => void) => {
        let trainer: Trainer | undefined;
        const pieces: CheckpointPiece[] = [];
        for await (const { open, file, data } of framesOf<LoadCheckpointRequest>(call)) {
          if (open !== undefined) trainer = liveTrainer(open.trainerHandle);
          if (file !== '') pieces.push({ file, data });
        }
        const committedStep = (await trainer?.loadCheckpoint(Readable.from(pieces))) ?? -1;
        write({ event: { $case: 'loaded', value: { committedStep } } });
      }),
    train: (call) =>
      void stream(call as never, async (write: (message: TrainResponse) => void) => {
        let trainer: Trainer | undefined;
        for await (const { sequence, frame } of framesOf<TrainRequest>(call)) {
          try {
            if (frame?.$case === 'open') {
              const entry = trainers.get(frame.value.trainerHandle);
              if (entry === undefined) throw new BackendFault('unknown_handle', 'no such trainer');
              trainer = entry.trainer ??= await backend.createTrainer(entry.model, frame.value.rowSet, entry.spec);
              const { committedStep, lastCommit } = await trainer.reopen();
              const commit = lastCommit && { step: committedStep, ...lastCommit };
              write({ sequence, frame: { $case: 'opened', value: { committedStep, lastCommit: commit } } });
            } else if (trainer !== undefined && frame !== undefined) {
              write({ sequence, frame: await answerFrame(trainer, frame) });
            }
          } catch (thrown) {
            const fault = thrown as BackendFault;
            write({
              sequence,
              frame: { $case: 'error', value: { reason: ErrorReason[reasonName(fault)], message: fault.message } },
            });
          }
        }
      }),
  };
}

async function answerFrame(
  trainer: Trainer,
  frame: NonNullable<TrainRequest['frame']>,
): Promise<NonNullable<TrainResponse['frame']>> {
  switch (frame.$case) {
    case 'forward': {
      const { step, microBatch } = frame.value;
      const { logps, seconds } = await trainer.forward(frame.value);
      return {
        $case: 'forward',
        value: { step, microBatch, chosenLogps: [...logps.chosen], rejectedLogps: [...logps.rejected], seconds },
      };
    }
    case 'backward': {
      const { step, microBatch, chosenGradients, rejectedGradients } = frame.value;
      const { seconds } = await trainer.backward(step, microBatch, {
        chosen: Float64Array.from(chosenGradients),
        rejected: Float64Array.from(rejectedGradients),
      });
      return { $case: 'backward', value: { step, microBatch, seconds } };
    }
    case 'commit':
      return { $case: 'commit', value: { step: frame.value.step, ...(await trainer.commit(frame.value)) } };
    case 'abort':
      await trainer.abort(frame.value.step);
      return { $case: 'abort', value: frame.value };
    case 'open':
      throw new BackendFault('step_conflict', 'the stream is open already');
  }
}

/** Registers at the end of the stream, and answers every message then: enough for a client that sends and reads at once. */
async function registerAll(
  backend: Backend,
  call: ServerDuplexStream<RegisterRowsRequest, RegisterRowsResponse>,
  write: (message: RegisterRowsResponse) => void,
): Promise<void> {
  const sizes: number[] = [];
  const rows: PairText[] = [];
  let open: RegisterRowsRequest['open'];
  for await (const message of framesOf<RegisterRowsRequest>(call)) {
    open ??= message.open;
    sizes.push(message.rows.length);
    rows.push(...message.rows);
  }
  const truncation = open?.truncation === Truncation.TRUNCATION_DROP ? 'drop' : 'keep_start';
  const rule = {
    maxLength: open?.maxLength ?? 0,
    truncation,
    template: open?.template === 'paper' ? 'paper' : 'chat',
    returnTokens: open?.returnTokens ?? false,
    scoreTurns: open?.scoreTurns === 'all' ? 'all' : 'assistant',
  } as const;
  const set = await backend.registerRows(open?.modelHandle ?? '', rows, rule);
  let at = 0;
  for (const size of sizes) {
    const facts = set.rows.slice(at, (at += size)).map((row) => ({
      ...row,
      unusable: row.unusable ?? '',
      renderedPrompt: row.rendered?.prompt ?? '',
      renderedChosen: row.rendered?.chosen ?? '',
      renderedRejected: row.rendered?.rejected ?? '',
      promptPieces: [...(row.pieces?.prompt ?? [])],
      chosenPieces: [...(row.pieces?.chosen ?? [])],
      rejectedPieces: [...(row.pieces?.rejected ?? [])],
      leftOut: [...(row.leftOut ?? [])],
      chosenContext: [...(row.context?.chosen ?? [])],
      rejectedContext: [...(row.context?.rejected ?? [])],
    }));
    write({ rowSet: set.handle, rows: facts });
  }
}

function specOf(spec: ModelSpec | undefined): Parameters<Backend['loadModel']>[0] {
  const quantization = spec?.quantization === Quantization.QUANTIZATION_NF4 ? 'nf4' : 'none';
  const optional = (value: string | undefined): string | undefined => (value === '' ? undefined : value);
  return {
    source: spec?.source ?? '',
    quantization,
    revision: optional(spec?.revision),
    adapter: optional(spec?.adapter),
    chatTemplate: optional(spec?.chatTemplate),
  };
}

/** The requests of a stream; unlike a plain loop it leaves the call open for answers when they end. */
function framesOf<Q>(call: Readable): AsyncIterable<Q> {
  return call.iterator({ destroyOnReturn: false }) as AsyncIterable<Q>;
}
