/** Callers that nobody wants, each of one kind: for `bench -- service-hostile`. */
import { once } from 'node:events';
import { connect as connectHttp2 } from 'node:http2';
import { connect as connectSocket } from 'node:net';
import { Client, credentials, Metadata, status } from '@grpc/grpc-js';
import type { Random } from '../../src/core/random.js';
import {
  Artifact,
  CreateRunRequest,
  DownloadArtifactRequest,
  RunServiceService,
  WatchRunRequest,
} from '../../src/gen/mrpo/runs/v1/runs.js';

/** Whom to molest, and with what. */
export interface Target {
  readonly address: string;
  /** Of role "run". */
  readonly token: string;
  /** Of a run with more events, and a longer log, than one message takes. */
  readonly run: string;
  /** Models that a spec may name. */
  readonly model: string;
  /** Paths that no spec may name. */
  readonly forbidden: readonly string[];
  readonly random: Random;
}

/** How a call ended, in a word or two. */
type Outcome = string;

/** All kinds. */
export interface HostileCalls {
  /** By name; each call is over soon. */
  readonly kinds: Readonly<Record<string, () => Promise<Outcome>>>;
  /** By name; each call lasts until the service ends it. */
  readonly lasting: Readonly<Record<string, () => Promise<Outcome>>>;
  /** A message of so many bytes. */
  large(bytes: number): Promise<Outcome>;
  close(): void;
}

const METHODS = Object.values(RunServiceService).map(({ path }) => path);
const pathOf = (name: string): string => `/mrpo.runs.v1.RunService/${name}`;
const same = (value: Buffer): Buffer => value;

export function hostileCalls({ address, token, run, model, forbidden, random }: Target): HostileCalls {
  const client = new Client(address, credentials.createInsecure(), { 'grpc.max_send_message_length': -1 });
  const port = Number(address.split(':').at(-1));
  const right = `Bearer ${token}`;
  const bytes = (length: number): Buffer => Buffer.from(Array.from({ length }, () => random.integer(256)));
  const one = <T>(items: readonly T[]): T => items[random.integer(items.length)] as T;

  /** Any method as a stream each way, which is what all of them are on the wire. */
  const call = (
    path: string,
    messages: readonly Buffer[],
    authorization: string | undefined,
    { end = true, giveUpMs = 20_000 } = {},
  ): Promise<Outcome> => {
    const metadata = new Metadata();
    if (authorization !== undefined) metadata.set('authorization', authorization);
    return new Promise((resolve) => {
      const stream = client.makeBidiStreamRequest(path, same, same, metadata, { deadline: Date.now() + giveUpMs });
      stream.on('data', () => undefined);
      stream.on('error', () => undefined);
      stream.on('status', ({ code }: { code: status }) => resolve(status[code]));
      for (const message of messages) stream.write(message);
      if (end) stream.end();
    });
  };
  const create = (request: Parameters<typeof CreateRunRequest.fromPartial>[0]): Promise<Outcome> =>
    call(
      pathOf('CreateRun'),
      [Buffer.from(CreateRunRequest.encode(CreateRunRequest.fromPartial(request)).finish())],
      right,
    );

  /** Asks for more than it takes, over a connection of its own. */
  const doNotRead = async (path: string, message: Uint8Array): Promise<Outcome> => {
    const session = connectHttp2(`http://${address}`, { settings: { initialWindowSize: random.integer(2000) } });
    session.on('error', () => undefined);
    const headers = { authorization: right, 'content-type': 'application/grpc', te: 'trailers' };
    const stream = session.request({ ':method': 'POST', ':path': path, ...headers });
    stream.on('error', () => undefined).pause();
    stream.end(Buffer.concat([Buffer.from([0, 0, 0, 0, message.length]), message]));
    await once(session, 'close');
    return 'ended by the service';
  };
  const closed = (nonsense: Buffer, andGo: boolean): Promise<Outcome> =>
    new Promise((resolve) => {
      const socket = connectSocket(port, '127.0.0.1').resume();
      socket.on('error', () => undefined).on('close', () => resolve(andGo ? 'closed' : 'ended by the service'));
      if (!andGo) return;
      socket.end(nonsense);
      setTimeout(() => socket.destroy(), 500).unref();
    });

  return {
    kinds: {
      'random bytes': () => call(one(METHODS), [bytes(random.integer(300))], right),
      'wrong token': () =>
        call(
          one(METHODS),
          [Buffer.alloc(0)],
          one([undefined, 'Bearer x', `bearer ${token}`, `Bearer ${token}x`, `Basic ${token}`]),
        ),
      'path that leads out': () =>
        create({
          spec: { policy: { model }, data: { train: { kind: { $case: 'path' as const, value: one(forbidden) } } } },
        }),
      'absurd values': () =>
        create({
          runId: one(['..', '../x', 'a/b', 'A', '-', 'x'.repeat(300), '\u202e', 'ok']),
          priority: one([0, 2 ** 31 - 1, -(2 ** 31)]),
          labels: { [one(['', 'k', '__proto__', 'x'.repeat(9999)])]: 'v' },
          spec: {
            training: {
              learningRate: one([Number.NaN, Number.POSITIVE_INFINITY, -1, 1e308]),
              batchSize: one([0, -5, 2 ** 50]),
            },
          },
        }),
      'left half-open, then given up': () =>
        call(one(METHODS), random.integer(2) === 0 ? [] : [bytes(20)], right, { end: false, giveUpMs: 300 }),
      'upload of nonsense': () =>
        call(
          pathOf('UploadData'),
          Array.from({ length: random.integer(5) }, () => bytes(2000)),
          right,
        ),
      'rude connection': () =>
        closed(
          one([
            Buffer.alloc(0),
            bytes(200),
            Buffer.from('GET / HTTP/1.1\r\n\r\n'),
            Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), bytes(100)]),
          ]),
          true,
        ),
    },
    lasting: {
      'watch that is not read': () =>
        doNotRead(pathOf('WatchRun'), WatchRunRequest.encode({ runId: run, afterSeq: 0, onlyKept: false }).finish()),
      'download that is not read': () =>
        doNotRead(
          pathOf('DownloadArtifact'),
          DownloadArtifactRequest.encode({ runId: run, artifact: Artifact.ARTIFACT_LOG, checkpoint: '' }).finish(),
        ),
      'left half-open': () => call(one(METHODS), [], right, { end: false }),
      'silent connection': () => closed(Buffer.alloc(0), false),
    },
    large: (length) => call(one(METHODS), [Buffer.alloc(length)], right),
    close: () => client.close(),
  };
}
