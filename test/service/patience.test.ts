/** Callers who do not go on: they connect and say nothing, begin a request and do not end it, ask and do not read. And a watcher's patience. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { connect as connectHttp2 } from 'node:http2';
import { connect as connectSocket, createServer, type AddressInfo, type Socket } from 'node:net';
import { EventEmitter, once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Writable } from 'node:stream';
import { promisify } from 'node:util';
import { Client, credentials, Metadata, Server, ServerCredentials, status } from '@grpc/grpc-js';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { abortError } from '../../src/core/abort.js';
import { GetServiceInfoResponse, RunServiceService, WatchRunRequest } from '../../src/gen/mrpo/runs/v1/runs.js';
import { connect } from '../../src/service/client/connect.js';
import { openJournal } from '../../src/service/journal/append.js';
import { LOCAL_CALLER } from '../../src/service/access/tokens.js';
import { createGuard } from '../../src/service/rpc/guard.js';
import { createDoorkeeper } from '../../src/service/rpc/doorkeeper.js';
import { startService, type RunsService } from '../../src/service/serve.js';
import { anOrder } from './an-order.js';

const SHORT = { firstCallMs: 200, nextMessageMs: 200, slowReaderMs: 200 };
let folder: string;
let running: RunsService;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'mrpo-patience-'));
  running = await startService({
    home: folder,
    address: '127.0.0.1:0',
    roots: [folder],
    backends: [],
    patience: SHORT,
  });
});
afterAll(async () => {
  await running.stop();
  rmSync(folder, { recursive: true, force: true });
});

const port = (): number => Number(running.address.split(':').at(-1));
const audit = (): string => readFileSync(running.service.home.audit, 'utf8');

it('ends a connection that asks nothing', async () => {
  const socket = connectSocket(port(), '127.0.0.1');
  await once(socket.resume(), 'close');
});

it.each(['UploadData', 'GetRun'])('ends a request that does not go on (%s)', async (method) => {
  const client = new Client(running.address, credentials.createInsecure());
  const same = (value: Buffer): Buffer => value;
  const path = `/mrpo.runs.v1.RunService/${method}`;
  const stream = client.makeBidiStreamRequest(path, same, same, new Metadata());
  stream.resume();
  await expect(once(stream, 'end')).rejects.toThrow(/has not gone on for 0.2 s/);
  client.close();
});

it('reads no more than one page ahead of a watcher who does not read, and ends its call and its connection', async () => {
  const { ledger, home } = running.service;
  await mkdir(home.run('a').path, { recursive: true });
  await ledger.add(home.run('a'), anOrder('a'), 'ci');
  const journal = openJournal(home.run('a').journal);
  for (let i = 0; i < 2000; i++) journal.append({ type: 'note', message: 'x'.repeat(300) });
  journal.close();
  ledger.catchUp('a');
  const read = vi.spyOn(ledger.index, 'events');
  const session = connectHttp2(`http://${running.address}`, { settings: { initialWindowSize: 1000 } });
  const stream = session.request({
    ':method': 'POST',
    ':path': '/mrpo.runs.v1.RunService/WatchRun',
    'content-type': 'application/grpc',
    te: 'trailers',
  });
  const message = WatchRunRequest.encode({ runId: 'a', afterSeq: 0, onlyKept: false }).finish();
  stream.on('error', () => undefined).pause();
  stream.end(Buffer.concat([Buffer.from([0, 0, 0, 0, message.length]), message]));
  await once(session, 'close');
  expect(read).toHaveBeenCalledTimes(1);
  expect(audit()).toContain('"outcome":"slow_reader"');
});

it('lets a host have only so many silent connections: the oldest goes', async () => {
  const server = createServer((socket) => socket.on('error', () => undefined)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port: at } = server.address() as AddressInfo;
  const keeper = createDoorkeeper(at, 60_000);
  const sockets: Socket[] = [];
  for (let i = 0; i < 258; i++) {
    const accepted = once(server, 'connection');
    const socket = connectSocket(at, '127.0.0.1').resume();
    sockets.push(socket);
    await Promise.all([accepted, once(socket, 'connect')]);
    // The first one has asked something.
    if (i === 0) keeper.admit(`127.0.0.1:${socket.localPort}`);
  }
  const [first, second, third] = sockets as [Socket, Socket, Socket];
  await once(second, 'close');
  expect([first.destroyed, third.destroyed]).toEqual([false, false]);
  keeper.close();
  for (const socket of sockets) socket.destroy();
  server.close();
});

it('tells who waits for work that the service stops, and not that the work has failed', async () => {
  const nothing = (): void => undefined;
  const guard = createGuard({
    callerOf: () => LOCAL_CALLER,
    audit: { write: nothing, close: () => Promise.resolve() },
    onDefect: nothing,
    slowReaderMs: 1000,
    onStuck: nothing,
  });
  const call = Object.assign(new EventEmitter(), { metadata: new Metadata(), getPeer: () => 'here', end: nothing });
  const ended = new Promise((resolve) => call.once('error', resolve));
  const method = { name: 'scoreReferences', role: 'run', decode: () => ({}) } as const;
  const work = guard.serverStream(method, async function* (_, { signal }) {
    await once(signal, 'abort');
    throw abortError(signal);
  });
  work(call as unknown as Parameters<typeof work>[0]);
  guard.endStreams();
  expect(await ended).toMatchObject({ code: status.UNAVAILABLE, details: 'the service stops' });
});

it('of a service whose streams all break, though it answers, is told once or twice, and not waited for without end', async () => {
  const server = new Server();
  server.addService(RunServiceService, {
    getServiceInfo: (_: unknown, reply: (error: null, info: GetServiceInfoResponse) => void) =>
      reply(null, GetServiceInfoResponse.fromPartial({})),
    watchRun: (call: Writable) => void call.emit('error', { code: status.UNAVAILABLE, details: 'no streams here' }),
  });
  const at = await promisify(server.bindAsync.bind(server))('127.0.0.1:0', ServerCredentials.createInsecure());
  const client = connect({ address: `127.0.0.1:${at}` });
  const [onAway, onBack] = [vi.fn(), vi.fn()];
  const watching = client.watch('a', { patienceMs: 1500, onAway, onBack });
  await expect(watching[Symbol.asyncIterator]().next()).rejects.toMatchObject({ reason: 'unreachable' });
  expect([onAway, onBack].map(({ mock }) => mock.calls.length)).toEqual([2, 1]);
  client.close();
  server.forceShutdown();
});
