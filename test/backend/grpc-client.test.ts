/** What the client adds to the protocol: refusals, retries, stops, signs of life, chunks. Servers here are real gRPC. */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Server, ServerCredentials, status } from '@grpc/grpc-js';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Backend, PairText } from '../../src/backend/backend.js';
import { BackendFault } from '../../src/backend/fault.js';
import { PROTOCOL_VERSION } from '../../src/backend/backend.js';
import { connectBackend, type ConnectOptions } from '../../src/backend/grpc/client.js';
import { createMemoryBackend } from '../../src/backend/memory.js';
import type { RegisterRowsRequest } from '../../src/gen/mrpo/backend/v1/backend.js';
import { scoresOf } from './contract.js';
import { PAIRS, RULE, pair, trainerSpec } from './support/pairs.js';
import { failureOf, serveBackend, type ServeOptions } from './support/serve-backend.js';

const INFO = {
  protocolVersion: PROTOCOL_VERSION,
  incarnation: 'fake',
  serverVersion: '9.9.9',
  device: 'cpu',
  deviceName: '',
  deviceMemoryBytes: 0,
  deviceMemoryFreeBytes: 0,
  threads: 1,
  maxMessageBytes: 0,
  versions: {},
  processId: 1,
  capabilities: [],
  peakMemoryBytes: 0,
  clientGraceSeconds: 0,
  models: [],
};
const DROPPED = { code: status.UNAVAILABLE, details: 'dropped on purpose' };

/** A served toy and a client of it, both gone when the test ends. */
async function connected(
  serve: ServeOptions = {},
  connect: Partial<ConnectOptions> = {},
): Promise<{ backend: Backend; twin: Backend; kill: () => void }> {
  const twin = createMemoryBackend();
  const served = await serveBackend(twin, serve);
  onTestFinished(() => served.kill());
  const backend = await connectBackend({ address: served.address, ...connect });
  onTestFinished(() => backend.close());
  return { backend, twin, kill: () => served.kill() };
}

async function toyRows(backend: Backend): Promise<{ model: string; rows: string }> {
  const { handle } = await backend.loadModel({ source: 'toy:a' });
  return { model: handle, rows: (await backend.registerRows(handle, PAIRS, RULE)).handle };
}

describe('connecting', () => {
  it('refuses a backend of another protocol version, naming both', async () => {
    const overrides: ServeOptions['overrides'] = {
      getServerInfo: (_call, callback) => callback(null, { ...INFO, protocolVersion: PROTOCOL_VERSION + 1 }),
    };
    const attempt = connected({ overrides });
    await expect(attempt).rejects.toMatchObject({ reason: 'protocol', code: 'backend' });
    await expect(attempt).rejects.toThrow(/protocol version 3.*version 2/);
  });

  it('refuses a server that is no backend', async () => {
    const server = new Server();
    const port = await new Promise<number>((resolve) => {
      server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (_error, bound) => resolve(bound));
    });
    onTestFinished(() => server.forceShutdown());
    const attempt = connectBackend({ address: `127.0.0.1:${port}` });
    await expect(attempt).rejects.toMatchObject({ reason: 'protocol' });
  });

  it('says so when nobody listens', async () => {
    const attempt = connectBackend({ address: '127.0.0.1:1' });
    await expect(attempt).rejects.toMatchObject({ reason: 'unreachable' });
    await expect(attempt).rejects.toThrow('127.0.0.1:1');
    await expect(connectBackend({ address: 'unix:/nowhere/at.all' })).rejects.toMatchObject({ reason: 'unreachable' });
  });

  it('does not wait for ever for a server that accepts and says nothing', async () => {
    const attempt = connected({ overrides: { getServerInfo: () => undefined } }, { answerMs: 200 });
    await expect(attempt).rejects.toMatchObject({ reason: 'unreachable' });
  });

  it('stops when told to', async () => {
    const stop = AbortSignal.timeout(100);
    const attempt = connected({ overrides: { getServerInfo: () => undefined } }, { signal: stop });
    await expect(attempt).rejects.toMatchObject({ code: 'aborted' });
  });

  it.each(['', 'localhost', 'localhost:70000', 'http://localhost:1', 'a b:1', `unix:/${'x'.repeat(110)}`])(
    'takes "%s" for no address',
    async (address) => {
      await expect(connectBackend({ address })).rejects.toMatchObject({ code: 'usage' });
    },
  );
});

describe('credentials', () => {
  it('needs the right token on every method', async () => {
    const { backend } = await connected({ token: 'secret' }, { token: 'secret' });
    await expect(toyRows(backend)).resolves.toBeDefined();
    await expect(connected({ token: 'secret' }, { token: 'other' })).rejects.toMatchObject({
      reason: 'unauthenticated',
    });
    await expect(connected({ token: 'secret' })).rejects.toMatchObject({ reason: 'unauthenticated' });
  });

  it('never sends a token in plain text to another machine', async () => {
    const attempt = connectBackend({ address: '192.0.2.1:50051', token: 'secret' });
    await expect(attempt).rejects.toMatchObject({ code: 'usage' });
    await expect(attempt).rejects.not.toThrow('secret');
  });

  describe('over TLS', () => {
    const file = (name: string): string => new URL(`support/certs/${name}`, import.meta.url).pathname;
    const credentials = (mutual: boolean): ServerCredentials =>
      ServerCredentials.createSsl(
        readFileSync(file('authority.pem')),
        [{ private_key: readFileSync(file('server.key')), cert_chain: readFileSync(file('server.pem')) }],
        mutual,
      );

    it('trusts the given authority, and nobody else', async () => {
      const tls = { ca: file('authority.pem') };
      const { backend } = await connected(
        { credentials: credentials(false), token: 'secret' },
        { tls, token: 'secret' },
      );
      expect((await backend.info()).device).toBe('memory');
      const other = connected({ credentials: credentials(false) }, { tls: { ca: file('client.pem') } });
      await expect(other).rejects.toMatchObject({ reason: 'unauthenticated' });
      await expect(connected({ credentials: credentials(false) })).rejects.toMatchObject({ reason: 'protocol' });
    });

    it('shows its own certificate to a server that asks', async () => {
      const ca = file('authority.pem');
      const mutual = { ca, cert: file('client.pem'), key: file('client.key') };
      const { backend } = await connected({ credentials: credentials(true) }, { tls: mutual });
      expect((await backend.info()).device).toBe('memory');
      await expect(connected({ credentials: credentials(true) }, { tls: { ca } })).rejects.toBeInstanceOf(BackendFault);
    });

    it('names a file that cannot be read, and half a pair', async () => {
      const missing = connectBackend({ address: 'localhost:1', tls: { ca: '/no/such.pem' } });
      await expect(missing).rejects.toThrow('/no/such.pem');
      const half = connectBackend({ address: 'localhost:1', tls: { cert: file('client.pem') } });
      await expect(half).rejects.toMatchObject({ code: 'usage' });
    });
  });
});

describe('failures', () => {
  it('carry reason, message and hint of the server', async () => {
    const fault = new BackendFault('model_invalid', '/models/x: no tokenizer.json', {
      hint: 'Save it beside the model.',
    });
    const overrides: ServeOptions['overrides'] = { loadModel: (call) => void call.emit('error', failureOf(fault)) };
    const { backend } = await connected({ overrides });
    await expect(backend.loadModel({ source: 'x' })).rejects.toMatchObject({
      reason: 'model_invalid',
      code: 'model',
      message: fault.message,
      hint: fault.hint,
    });
  });

  it('without a reason keep the status and the call', async () => {
    const overrides: ServeOptions['overrides'] = {
      loadModel: (call) => void call.emit('error', { code: status.INTERNAL, details: 'ZeroDivisionError' }),
    };
    const { backend } = await connected({ overrides });
    await expect(backend.loadModel({ source: 'x' })).rejects.toMatchObject({ reason: 'failed' });
    await expect(backend.loadModel({ source: 'x' })).rejects.toThrow(/loadModel.*INTERNAL.*ZeroDivisionError/);
  });

  it('is a fault when a stream ends without its result', async () => {
    const { backend } = await connected({ overrides: { loadModel: (call) => call.end() } });
    await expect(backend.loadModel({ source: 'x' })).rejects.toMatchObject({ reason: 'protocol' });
  });
});

describe('a dropped call', () => {
  it('is made again when the .proto says it may be', async () => {
    let [infos, scores] = [0, 0];
    const overrides: ServeOptions['overrides'] = {
      getServerInfo: (_call, callback) => ((infos += 1) === 1 ? callback(DROPPED) : callback(null, INFO)),
      score: (call) => {
        scores += 1;
        if (scores === 1) return void call.emit('error', DROPPED);
        call.write({ rows: [0], chosenLogps: [-1], rejectedLogps: [-2], progress: undefined });
        call.end();
      },
    };
    const { backend } = await connected({ overrides });
    expect(infos).toBe(2);
    expect(await scoresOf(backend, 'any')).toEqual(new Map([[0, [-1, -2]]]));
    expect(scores).toBe(2);
  });

  it('is given up after three attempts', async () => {
    let scores = 0;
    const { backend } = await connected({
      overrides: { score: (call) => ((scores += 1), void call.emit('error', DROPPED)) },
    });
    await expect(scoresOf(backend, 'any')).rejects.toMatchObject({ reason: 'unreachable' });
    expect(scores).toBe(3);
  });

  it('is not made again once it has answered', async () => {
    let scores = 0;
    const overrides: ServeOptions['overrides'] = {
      score: (call) => {
        scores += 1;
        call.write({ rows: [0], chosenLogps: [-1], rejectedLogps: [-2], progress: undefined });
        setTimeout(() => call.emit('error', DROPPED), 20);
      },
    };
    const { backend } = await connected({ overrides });
    await expect(scoresOf(backend, 'any')).rejects.toMatchObject({ reason: 'unreachable' });
    expect(scores).toBe(1);
  });

  it('is not made again when it may have had an effect', async () => {
    const calls = { loadModel: 0, createTrainer: 0, generate: 0, export: 0 };
    const { backend } = await connected({
      overrides: {
        loadModel: (call) => ((calls.loadModel += 1), void call.emit('error', DROPPED)),
        generate: (call) => ((calls.generate += 1), void call.emit('error', DROPPED)),
        export: (call) => ((calls.export += 1), void call.emit('error', DROPPED)),
        createTrainer: (_call, callback) => ((calls.createTrainer += 1), callback(DROPPED)),
      },
    });
    const unreachable = { reason: 'unreachable' };
    await expect(backend.loadModel({ source: 'x' })).rejects.toMatchObject(unreachable);
    await expect(backend.createTrainer('m', 'r', trainerSpec())).rejects.toMatchObject(unreachable);
    await expect(backend.exportModel('m', '/x', { merge: false, modelCard: '' })).rejects.toMatchObject(unreachable);
    const generation = backend.generate('m', [], { maxNewTokens: 1 })[Symbol.asyncIterator]();
    await expect(generation.next()).rejects.toMatchObject(unreachable);
    expect(calls).toEqual({ loadModel: 1, createTrainer: 1, generate: 1, export: 1 });
  });
});

describe('a stop', () => {
  it('reaches the server', async () => {
    let cancelled = false;
    const overrides: ServeOptions['overrides'] = {
      loadModel: (call) => void call.on('cancelled', () => (cancelled = true)),
    };
    const { backend } = await connected({ overrides });
    const loading = backend.loadModel({ source: 'x' }, { signal: AbortSignal.timeout(50) });
    await expect(loading).rejects.toMatchObject({ code: 'aborted' });
    await expect.poll(() => cancelled).toBe(true);
  });

  it('reaches the server also when the reader just leaves', async () => {
    let cancelled = false;
    const overrides: ServeOptions['overrides'] = {
      score: (call) => {
        call.on('cancelled', () => (cancelled = true));
        call.write({ rows: [0], chosenLogps: [-1], rejectedLogps: [-2], progress: undefined });
      },
    };
    const { backend } = await connected({ overrides });
    for await (const _chunk of backend.score('any')) break;
    await expect.poll(() => cancelled).toBe(true);
  });

  it('comes to open calls when the client is closed', async () => {
    const { backend } = await connected({ overrides: { loadModel: () => undefined } });
    const loading = backend.loadModel({ source: 'x' });
    setTimeout(() => void backend.close(), 50);
    await expect(loading).rejects.toThrow('is closed');
  });
});

describe('signs of life', () => {
  it('end a call when the backend hangs', async () => {
    let asked = 0;
    const overrides: ServeOptions['overrides'] = {
      getServerInfo: (_call, callback) => ((asked += 1) === 1 ? callback(null, INFO) : undefined),
      loadModel: () => undefined,
    };
    const { backend } = await connected({ overrides }, { silenceMs: 400 });
    const loading = backend.loadModel({ source: 'x' });
    await expect(loading).rejects.toMatchObject({ reason: 'unreachable' });
    await expect(loading).rejects.toThrow('no sign of life');
    expect(asked).toBeGreaterThan(1);
  });

  it('keep a quiet call of a working backend alive', async () => {
    const overrides: ServeOptions['overrides'] = {
      score: (call) => {
        setTimeout(() => {
          call.write({ rows: [0], chosenLogps: [-1], rejectedLogps: [-2], progress: undefined });
          call.end();
        }, 1200);
      },
    };
    const { backend } = await connected({ overrides }, { silenceMs: 400 });
    expect((await scoresOf(backend, 'any')).size).toBe(1);
  });
});

describe('the training stream', () => {
  it('fails what is waiting, and what comes, when the backend is gone', async () => {
    const { backend, kill } = await connected({});
    const { model, rows } = await toyRows(backend);
    const trainer = await backend.createTrainer(model, rows, trainerSpec());
    kill();
    const forward = (): Promise<unknown> => trainer.forward({ step: 1, microBatch: 0, rows: [0], seed: 0 });
    await expect(forward()).rejects.toBeInstanceOf(BackendFault);
    await expect(forward()).rejects.toBeInstanceOf(BackendFault);
    await expect(trainer.close()).rejects.toMatchObject({ reason: 'unreachable' });
  });

  it.each([
    [
      'out of turn',
      (sequence: number) =>
        ({
          sequence: sequence + 1,
          frame: { $case: 'opened', value: { committedStep: 0, lastCommit: undefined } },
        }) as const,
    ],
    [
      'of another kind',
      (sequence: number) =>
        ({ sequence, frame: { $case: 'opened', value: { committedStep: 0, lastCommit: undefined } } }) as const,
    ],
    ['with nothing in it', (sequence: number) => ({ sequence, frame: undefined }) as const],
  ])('takes no answer %s', async (_kind, answer) => {
    const overrides: ServeOptions['overrides'] = {
      createTrainer: (_call, callback) =>
        callback(null, {
          trainerHandle: 't',
          trainableParameters: 1,
          checkpointing: 'off',
          microBatchTokens: 1,
          saturatingTokens: 1,
          deterministic: false,
          trainedModules: [],
        }),
      closeTrainer: (_call, callback) => callback(null, {}),
      train: (call) =>
        void call.on('data', ({ sequence }: { sequence: number }) => {
          call.write(
            sequence === 1
              ? { sequence, frame: { $case: 'opened', value: { committedStep: 0, lastCommit: undefined } } }
              : answer(sequence),
          );
        }),
    };
    const { backend } = await connected({ overrides });
    const trainer = await backend.createTrainer('m', 'r', trainerSpec());
    await expect(trainer.abort(1)).rejects.toMatchObject({ reason: 'protocol' });
  });

  it('asks for deterministic algorithms, and takes no backend that does not know of them', async () => {
    const { backend } = await connected({});
    const { model, rows } = await toyRows(backend);
    for (const deterministic of [true, false]) {
      const trainer = await backend.createTrainer(model, rows, { ...trainerSpec(), deterministic });
      expect(trainer.deterministic).toBe(deterministic);
      await trainer.close();
    }
    const closed: string[] = [];
    const overrides: ServeOptions['overrides'] = {
      createTrainer: (_call, callback) =>
        callback(null, {
          ...{ trainerHandle: 'old', trainableParameters: 1, checkpointing: 'off', trainedModules: [] },
          ...{ microBatchTokens: 1, saturatingTokens: 1, deterministic: false },
        }),
      closeTrainer: ({ request }, callback) => (closed.push(request.trainerHandle), callback(null, {})),
    };
    const { backend: older } = await connected({ overrides });
    await expect(older.createTrainer('m', 'r', { ...trainerSpec(), deterministic: true })).rejects.toThrow(
      'training.deterministic: this backend does not know of it',
    );
    expect(closed).toEqual(['old']);
  });

  it('frees a trainer whose stream was refused', async () => {
    const { backend } = await connected({});
    const { model } = await toyRows(backend);
    await expect(backend.createTrainer(model, 'no-rows', trainerSpec())).rejects.toMatchObject({
      reason: 'unknown_handle',
    });
    const { handle } = await backend.registerRows(model, PAIRS, RULE);
    const trainer = await backend.createTrainer(model, handle, trainerSpec());
    await trainer.close();
  });
});

describe('rows', () => {
  /** A server that notes the messages and answers each; `hold` keeps it from reading on. */
  function noting(hold: () => Promise<void> = async () => undefined) {
    const messages: RegisterRowsRequest[] = [];
    const overrides: ServeOptions['overrides'] = {
      registerRows: (call) => {
        const read = async (): Promise<void> => {
          for await (const message of call.iterator({ destroyOnReturn: false }) as AsyncIterable<RegisterRowsRequest>) {
            messages.push(message);
            call.write({ rowSet: 'rows-1', rows: [] });
            await hold();
          }
          call.end();
        };
        void read();
      },
    };
    return { messages, overrides };
  }
  const large = (i: number): PairText => pair(`${i}`, 'x'.repeat(300_000), 'y'.repeat(300_000));

  it('travel in messages of about 1 MiB, the first of which names model and rule', async () => {
    const { messages, overrides } = noting();
    const { backend } = await connected({ overrides });
    await backend.registerRows(
      'm',
      Array.from({ length: 10 }, (_, i) => large(i)),
      RULE,
    );
    expect(messages.map(({ rows }) => rows.length)).toEqual(Array.from({ length: 10 }, () => 1));
    expect(messages.map(({ open }) => open !== undefined)).toEqual([true, ...Array.from({ length: 9 }, () => false)]);
    messages.length = 0;
    await backend.registerRows(
      'm',
      Array.from({ length: 3000 }, (_, i) => pair(`${i}`, 'a', 'b')),
      RULE,
    );
    expect(messages.map(({ rows }) => rows.length)).toEqual([1024, 1024, 952]);
  });

  it('are taken from their source only as fast as the backend reads', async () => {
    let release = (): void => undefined;
    const released = new Promise<void>((resolve) => (release = resolve));
    const { messages, overrides } = noting(() => released);
    const { backend } = await connected({ overrides });
    let taken = 0;
    async function* source(): AsyncGenerator<PairText> {
      for (; taken < 200; taken++) yield large(taken);
    }
    const registered = backend.registerRows('m', source(), RULE);
    await expect.poll(() => messages.length).toBe(1);
    await sleep(300);
    expect(taken).toBeLessThan(50); // 120 MB in all; a few chunks fit in the buffers in between
    release();
    await registered;
    expect(taken).toBe(200);
  });

  it('must fit into a message each', async () => {
    const { backend } = await connected({});
    const { model } = await toyRows(backend);
    const huge = pair('q', 'x'.repeat(17 * 1024 * 1024), 'b');
    const attempt = backend.registerRows(model, [...PAIRS, huge], RULE);
    await expect(attempt).rejects.toMatchObject({ reason: 'row_invalid' });
    await expect(attempt).rejects.toThrow('row 4');
  });

  it('are not read to the end when the backend refuses early', async () => {
    const overrides: ServeOptions['overrides'] = {
      registerRows: (call) => void call.emit('error', failureOf(new BackendFault('unknown_handle', 'no model "m"'))),
    };
    const { backend } = await connected({ overrides });
    let taken = 0;
    async function* endless(): AsyncGenerator<PairText> {
      for (; ; taken++) yield large(taken);
    }
    await expect(backend.registerRows('m', endless(), RULE)).rejects.toMatchObject({ reason: 'unknown_handle' });
  });

  it('are refused by a backend that ends early without a word', async () => {
    const { backend } = await connected({ overrides: { registerRows: (call) => call.end() } });
    async function* endless(): AsyncGenerator<PairText> {
      for (let i = 0; ; i++) yield large(i);
    }
    await expect(backend.registerRows('m', endless(), RULE)).rejects.toMatchObject({ reason: 'protocol' });
  });
});
