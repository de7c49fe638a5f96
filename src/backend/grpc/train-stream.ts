/**
 * The training stream of one trainer: frames out, each with the next sequence number, answers matched by it. Frames go
 * out in the order of the calls, and the backend works on them in that order; nobody has to wait in between.
 */
import type { ClientDuplexStream } from '@grpc/grpc-js';
import type { TrainRequest, TrainResponse } from '../../gen/mrpo/backend/v1/backend.js';
import type { MrpoError } from '../../core/errors.js';
import { BackendFault } from '../fault.js';
import { faultReasonOf } from './wire.js';
import { explainFailure } from '../../rpc/connection.js';
import type { BackendConnection } from './service.js';
import { watchedMessages } from '../../rpc/stream.js';

type RequestFrame = NonNullable<TrainRequest['frame']>;
type ResponseFrame = NonNullable<TrainResponse['frame']>;
type AnswerCase = ResponseFrame['$case'];
type Answer<Case extends AnswerCase> = Extract<ResponseFrame, { $case: Case }>['value'];

/** One open training stream. After a failure of the stream every call rejects with that failure. */
export interface TrainStream {
  /** Sends one frame and gives the value of its answer, which must be a `wanted` one. */
  ask<Case extends AnswerCase>(frame: RequestFrame, wanted: Case): Promise<Answer<Case>>;
  /** Ends the stream after the frames that were sent. */
  close(): Promise<void>;
}

interface Waiting {
  resolve(frame: ResponseFrame): void;
  reject(error: unknown): void;
}

/** Opens the stream; the caller sends the `open` frame first. */
export function openTrainStream(connection: BackendConnection): TrainStream {
  const call: ClientDuplexStream<TrainRequest, TrainResponse> = connection.client.train(connection.metadata);
  const waiting = new Map<number, Waiting>();
  let sequence = 0;
  let over: MrpoError | undefined;

  const read = async (): Promise<void> => {
    for await (const { sequence: answered, frame } of watchedMessages<TrainResponse>(connection, call, undefined)) {
      const caller = waiting.get(answered);
      if (caller === undefined || frame === undefined) {
        throw new BackendFault('protocol', `the backend answered frame ${answered}, which waits for no answer`);
      }
      waiting.delete(answered);
      if (frame.$case === 'error')
        caller.reject(new BackendFault(faultReasonOf(frame.value.reason), frame.value.message));
      else caller.resolve(frame);
    }
    throw new BackendFault('stream_ended', 'the training stream has ended');
  };
  const reading = read().catch(async (thrown: unknown) => {
    over = streamEnd(await explainFailure(thrown, 'train', connection, undefined));
    for (const caller of waiting.values()) caller.reject(over);
    waiting.clear();
  });

  return {
    async ask(frame, wanted) {
      if (over !== undefined) throw over;
      const number = (sequence += 1);
      const answer = await new Promise<ResponseFrame>((resolve, reject) => {
        waiting.set(number, { resolve, reject });
        call.write({ sequence: number, frame });
      });
      if (answer.$case !== wanted) {
        throw new BackendFault('protocol', `the backend answered a ${frame.$case} frame with "${answer.$case}"`);
      }
      return answer.value as Answer<typeof wanted>;
    },
    async close() {
      call.end();
      await reading;
    },
  };
}

/** A connection that broke says nothing of the trainer behind it; a process that has ended, or a refusal, does. */
function streamEnd(why: MrpoError): MrpoError {
  if (!(why instanceof BackendFault) || !['unreachable', 'failed'].includes(why.reason)) return why;
  return new BackendFault('stream_ended', `the training stream broke off: ${why.message}`, { cause: why });
}
