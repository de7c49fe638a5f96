/**
 * Around every method: who calls is known and may, the request is decoded here, whatever is thrown becomes a status with
 * a reason, and one line of the audit log says how the call ended.
 */
import type { EventEmitter } from 'node:events';
import type {
  handleClientStreamingCall,
  handleServerStreamingCall,
  handleUnaryCall,
  Metadata,
  ServerReadableStream,
  ServerUnaryCall,
  ServerWritableStream,
} from '@grpc/grpc-js';
import { type MrpoError, toMrpoError } from '../../core/errors.js';
import type { AuditLog } from '../access/audit.js';
import type { Caller, Role } from '../access/tokens.js';
import { RunsFault } from '../fault.js';
import { startCallSpan } from '../tracing/call-span.js';
import { statusOf } from './status.js';

/** What a method knows of its call. */
export interface Context {
  readonly caller: Caller;
  /** Fires when the caller has gone; that of a stream, also when the service stops. */
  readonly signal: AbortSignal;
  /** Of the call, for what comes of it later. Undefined: nobody traces. */
  readonly traceParent: string | undefined;
}

/** Who is let in, and who hears of defects. */
export interface GuardOptions {
  /** Undefined: not let in. */
  readonly callerOf: (metadata: Metadata) => Caller | undefined;
  readonly audit: AuditLog;
  readonly onDefect: (error: Error, method: string) => void;
  /** For one message of a stream to be read, in milliseconds. */
  readonly slowReaderMs: number;
  /** Hears of a caller ("host:port") who does not even take the news that his call has ended. */
  readonly onStuck: (peer: string) => void;
}

/** One method of the service, as the guard needs it. */
export interface Method<Request> {
  readonly name: string;
  /** The least that a caller must be. */
  readonly role: Role;
  readonly decode: (bytes: Buffer) => Request;
}

const RANK: Readonly<Record<Role, number>> = { read: 0, run: 1, admin: 2 };

/** Makes gRPC handlers of plain functions, one maker for each kind of call. */
export interface Guard {
  unary<Request, Response>(
    method: Method<Request>,
    answer: (request: Request, context: Context) => Promise<Response> | Response,
  ): handleUnaryCall<Buffer, Response>;
  /** The generator is asked for the next message when the caller has taken the one before. */
  serverStream<Request, Response>(
    method: Method<Request>,
    answers: (request: Request, context: Context) => AsyncIterable<Response>,
  ): handleServerStreamingCall<Buffer, Response>;
  clientStream<Request, Response>(
    method: Method<Request>,
    answer: (requests: AsyncIterable<Request>, context: Context) => Promise<Response>,
  ): handleClientStreamingCall<Buffer, Response>;
  /** Ends open streams of answers, as the service stops: their callers may call again. */
  endStreams(): void;
}

type AnyCall =
  ServerUnaryCall<Buffer, unknown> | ServerWritableStream<Buffer, unknown> | ServerReadableStream<Buffer, unknown>;

/** A guard that lets in whom `callerOf` knows. */
export function createGuard({ callerOf, audit, onDefect, slowReaderMs, onStuck }: GuardOptions): Guard {
  const run = async <Request, Response>(
    method: Method<Request>,
    call: AnyCall,
    work: (context: Context, decode: (bytes: Buffer) => Request) => Promise<Response>,
  ): Promise<Response> => {
    const { name, role } = method;
    const started = performance.now();
    const caller = callerOf(call.metadata);
    const gone = new AbortController();
    (call as EventEmitter).once('cancelled', () => gone.abort());
    const span = startCallSpan(name, call.metadata);
    let named: string | undefined;
    const decode = (bytes: Buffer): Request => {
      const request = decoded(method, bytes);
      named ??= runNamedBy(request);
      return request;
    };
    const told = (outcome: string): void => {
      span.end(outcome, caller?.name);
      audit.write({
        caller: caller?.name,
        method: name,
        run: named,
        peer: call.getPeer(),
        outcome,
        ms: Math.round(performance.now() - started),
      });
    };
    try {
      if (caller === undefined) throw unauthenticated();
      if (RANK[caller.role] < RANK[role]) throw denied(name, role, caller);
      const response = await work({ caller, signal: gone.signal, traceParent: span.traceParent }, decode);
      told('ok');
      return response;
    } catch (thrown) {
      const fault = asFault(thrown);
      told(gone.signal.aborted ? 'gone' : fault.reason);
      if (fault.reason === 'internal' && !gone.signal.aborted) onDefect(fault, name);
      throw fault;
    }
  };
  const streams = new Set<AbortController>();
  return {
    endStreams: () => streams.forEach((stream) => stream.abort()),
    unary: (method, answer) => (call, callback) => {
      run(method, call, async (context, decode) => answer(decode(call.request), context)).then(
        (response) => callback(null, response),
        (fault: RunsFault) => callback(statusOf(fault)),
      );
    },
    serverStream: (method, answers) => (call) => {
      run(method, call, async (context, decode) => {
        const stream = new AbortController();
        const { signal } = stream;
        context.signal.addEventListener('abort', () => stream.abort(), { once: true });
        streams.add(stream);
        const writer = writerTo(call, signal, slowReaderMs);
        const isEnded = (): boolean => signal.aborted && !context.signal.aborted;
        try {
          for await (const response of answers(decode(call.request), { ...context, signal })) {
            if (signal.aborted) break;
            await writer.write(response);
          }
          if (isEnded()) throw stops();
        } catch (thrown) {
          throw isEnded() ? stops() : thrown; // work that was broken off is no failure of its own
        } finally {
          streams.delete(stream);
          writer.end();
        }
      }).then(
        () => call.end(),
        (fault: RunsFault) => {
          const peer = call.getPeer();
          call.emit('error', statusOf(fault));
          if (fault.reason !== 'slow_reader') return;
          const stuck = setTimeout(() => onStuck(peer), slowReaderMs).unref();
          (call as EventEmitter).once('finish', () => clearTimeout(stuck)).once('cancelled', () => clearTimeout(stuck));
        },
      );
    },
    clientStream: (method, answer) => (call, callback) => {
      const requests = async function* (decode: (bytes: Buffer) => ReturnType<typeof method.decode>) {
        for await (const bytes of call) yield decode(bytes as Buffer);
      };
      run(method, call, (context, decode) => answer(requests(decode), context)).then(
        (response) => callback(null, response),
        (fault: RunsFault) => callback(statusOf(fault)),
      );
    },
  };
}

/** Longer ones are no run's: a line of the log stays a line. */
const LONGEST_ID = 200;

function runNamedBy(request: unknown): string | undefined {
  const { runId } = request as { readonly runId?: unknown };
  return typeof runId === 'string' && runId !== '' ? runId.slice(0, LONGEST_ID) : undefined;
}

function decoded<Request>({ name, decode }: Method<Request>, bytes: Buffer): Request {
  try {
    return decode(bytes);
  } catch (cause) {
    throw new RunsFault(
      'request_invalid',
      `${name}: ${bytes.length} bytes that are not the message this method takes`,
      { cause },
    );
  }
}

/**
 * One message is on its way at a time: a reader who is slow is waited for, within limits, and nothing piles up here. One
 * timer and one listener serve all messages of a call: to 200 watchers, those of each message were a fifth of its cost.
 */
function writerTo<Response>(
  call: ServerWritableStream<Buffer, Response>,
  signal: AbortSignal,
  patienceMs: number,
): { write(response: Response): Promise<void>; end(): void } {
  let onTheWay: { readonly resolve: () => void; readonly reject: (fault: RunsFault) => void } | undefined;
  const done = (): void => {
    onTheWay?.resolve();
    onTheWay = undefined;
  };
  // Also runs out between two messages, and then means nothing: the next one starts it again.
  const timer = setTimeout(() => onTheWay?.reject(tooSlow(patienceMs)), patienceMs);
  signal.addEventListener('abort', done, { once: true });
  return {
    write: (response) =>
      new Promise((resolve, reject) => {
        onTheWay = { resolve, reject };
        timer.refresh();
        call.write(response, done);
      }),
    end: () => clearTimeout(timer),
  };
}

const tooSlow = (patienceMs: number): RunsFault =>
  new RunsFault('slow_reader', `the caller has read nothing for ${patienceMs / 1000} s`, {
    hint: 'Call again; a watch goes on behind the last event seen (after_seq).',
  });

const stops = (): RunsFault =>
  new RunsFault('unavailable', 'the service stops', {
    hint: 'Call again when it is back; a watch goes on behind the last event seen (after_seq).',
  });

/** The fault for a caller who is not known. */
export const unauthenticated = (): RunsFault =>
  new RunsFault('unauthenticated', 'the bearer token is missing or wrong', {
    hint: 'For the mrpo command, set MRPO_SERVICE_TOKEN; a program sends the metadata "authorization: Bearer TOKEN".',
  });

const denied = (method: string, role: Role, caller: Caller): RunsFault =>
  new RunsFault('permission_denied', `${method}: "${caller.name}" has role ${caller.role}, expected ${role}`, {
    hint: `Whoever runs the service makes a token of that role: mrpo serve --tokens FILE --new-token ${role}:NAME:TENANT`,
  });

function asFault(thrown: unknown): RunsFault {
  if (thrown instanceof RunsFault) return thrown;
  const error = toMrpoError(thrown);
  const reason = reasonOfError(error);
  const { hint, details } = error;
  return new RunsFault(reason, error.message, { cause: error, hint, details });
}

function reasonOfError(error: MrpoError): RunsFault['reason'] {
  switch (error.code) {
    case 'config':
      return 'spec_invalid';
    case 'usage':
      return 'request_invalid';
    case 'data':
    case 'model':
    case 'backend':
    case 'environment':
    case 'aborted':
      return 'work_failed';
    case 'internal':
      return 'internal';
  }
}
