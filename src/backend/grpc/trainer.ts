/** A {@link Trainer} on a backend: created by one call, worked by its training stream. */
import type { CreateTrainerResponse, TrainResponse_Opened } from '../../gen/mrpo/backend/v1/backend.js';
import type { CallOptions, Trainer, TrainerSpec } from '../backend.js';
import { BackendFault } from '../fault.js';
import { fromCommit, fromForward, toBackward, toCommit, toCreateTrainerRequest, toForward } from './wire.js';
import { loadCheckpoint, saveCheckpoint } from './checkpoint.js';
import type { BackendConnection } from './service.js';
import { openTrainStream, type TrainStream } from './train-stream.js';
import { unary } from '../../rpc/unary.js';

/** Creating may wait for other work of the device and measures what fits in memory. */
const CREATE_TIMEOUT_MS = 600_000;
const CLOSE_TIMEOUT_MS = 60_000;

/** Creates a trainer, opens its stream on a row set, and frees it again if the stream does not open. */
export async function createTrainer(
  connection: BackendConnection,
  modelHandle: string,
  rowSet: string,
  spec: TrainerSpec,
  options: CallOptions,
): Promise<Trainer> {
  const { client } = connection;
  const created = await unary(
    connection,
    'createTrainer',
    client.createTrainer.bind(client),
    toCreateTrainerRequest(modelHandle, spec),
    { timeoutMs: CREATE_TIMEOUT_MS, signal: options.signal },
  );
  const { trainerHandle } = created;
  const release = async (): Promise<void> => {
    await unary(
      connection,
      'closeTrainer',
      client.closeTrainer.bind(client),
      { trainerHandle },
      { timeoutMs: CLOSE_TIMEOUT_MS },
    );
  };
  const open = async (): Promise<OpenedStream> => {
    const stream = openTrainStream(connection);
    try {
      return { stream, opened: await stream.ask({ $case: 'open', value: { trainerHandle, rowSet } }, 'opened') };
    } catch (thrown) {
      await stream.close();
      throw thrown;
    }
  };
  if (spec.deterministic === true && !created.deterministic) {
    await release();
    throw new BackendFault('unsupported', 'training.deterministic: this backend does not know of it', {
      hint: 'Start a backend of this version of mrpo, or leave the setting out.',
    });
  }
  const first = await open().catch(async (thrown: unknown) => {
    await release().catch(() => undefined); // the first failure is the one to report
    throw thrown;
  });
  return trainerOn(connection, created, first.stream, open, release);
}

interface OpenedStream {
  readonly stream: TrainStream;
  readonly opened: TrainResponse_Opened;
}

function trainerOn(
  connection: BackendConnection,
  created: CreateTrainerResponse,
  first: TrainStream,
  open: () => Promise<OpenedStream>,
  release: () => Promise<void>,
): Trainer {
  const { trainerHandle } = created;
  let stream = first;
  return {
    trainableParameters: created.trainableParameters,
    trainedModules: created.trainedModules,
    checkpointing: created.checkpointing,
    microBatchTokens: created.microBatchTokens,
    saturatingTokens: created.saturatingTokens,
    deterministic: created.deterministic,
    async forward(request) {
      return fromForward(await stream.ask({ $case: 'forward', value: toForward(request) }, 'forward'));
    },
    async backward(step, microBatch, gradients) {
      const value = toBackward(step, microBatch, gradients);
      const { seconds } = await stream.ask({ $case: 'backward', value }, 'backward');
      return { seconds };
    },
    async commit(request) {
      return fromCommit(await stream.ask({ $case: 'commit', value: toCommit(request) }, 'commit'));
    },
    async abort(step) {
      await stream.ask({ $case: 'abort', value: { step } }, 'abort');
    },
    saveCheckpoint: (step, options) => saveCheckpoint(connection, trainerHandle, step, options),
    loadCheckpoint: (pieces, options) => loadCheckpoint(connection, trainerHandle, pieces, options),
    async reopen() {
      const again = await open();
      stream = again.stream;
      const { committedStep, lastCommit } = again.opened;
      return { committedStep, lastCommit: lastCommit && fromCommit(lastCommit) };
    },
    async close() {
      await stream.close();
      await release();
    },
  };
}
