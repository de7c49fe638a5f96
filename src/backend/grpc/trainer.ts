/** A {@link Trainer} on a backend: created by one call, worked by its training stream. */
import type { CreateTrainerResponse } from '../../gen/mrpo/backend/v1/backend.js';
import type { CallOptions, Trainer, TrainerSpec } from '../backend.js';
import { fromCommit, fromForward, toCommit, toCreateTrainerRequest, toForward } from './wire.js';
import type { BackendConnection } from './service.js';
import { openTrainStream, type TrainStream } from './train-stream.js';
import { unary } from '../../rpc/unary.js';

/** Creating may wait for other work of the device and measures what fits in memory. */
const CREATE_TIMEOUT_MS = 600_000;
const CLOSE_TIMEOUT_MS = 60_000;

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
  const stream = openTrainStream(connection);
  const release = async (): Promise<void> => {
    const request = { trainerHandle: created.trainerHandle };
    await unary(connection, 'closeTrainer', client.closeTrainer.bind(client), request, { timeoutMs: CLOSE_TIMEOUT_MS });
  };
  try {
    await stream.ask({ $case: 'open', value: { trainerHandle: created.trainerHandle, rowSet } }, 'opened');
  } catch (thrown) {
    await stream.close();
    await release().catch(() => undefined); // the first failure is the one to tell
    throw thrown;
  }
  return trainerOn(stream, created, release);
}

function trainerOn(stream: TrainStream, created: CreateTrainerResponse, release: () => Promise<void>): Trainer {
  return {
    trainableParameters: created.trainableParameters,
    trainedModules: created.trainedModules,
    checkpointing: created.checkpointing,
    microBatchTokens: created.microBatchTokens,
    saturatingTokens: created.saturatingTokens,
    async forward(request) {
      return fromForward(await stream.ask({ $case: 'forward', value: toForward(request) }, 'forward'));
    },
    async backward(step, microBatch, gradients) {
      const value = { step, microBatch, gradients: Array.from(gradients) };
      const { seconds } = await stream.ask({ $case: 'backward', value }, 'backward');
      return { seconds };
    },
    async commit(request) {
      return fromCommit(await stream.ask({ $case: 'commit', value: toCommit(request) }, 'commit'));
    },
    async abort(step) {
      await stream.ask({ $case: 'abort', value: { step } }, 'abort');
    },
    async close() {
      await stream.close();
      await release();
    },
  };
}
