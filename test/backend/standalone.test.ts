/** `mrpo backend` and what other processes do with it: clients, `mrpo call`, reflection. One backend for all of them. */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Metadata, credentials, loadPackageDefinition, type ClientDuplexStream } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { PROTOCOL_VERSION } from '../../src/backend/backend.js';
import { connectBackend } from '../../src/backend/grpc/client.js';
import { PROJECT_ROOT } from '../../src/backend/python.js';
import type { CliIo } from '../../src/cli/command.js';
import { runCli } from '../../src/cli/main.js';
import { silentProgress } from '../../src/cli/progress.js';
import { BackendServiceDefinition, BackendServiceService } from '../../src/gen/mrpo/backend/v1/backend.js';
import { tinyModel } from '../support/tiny-models.js';
import { describedShape, generatedShape, type MethodShape } from './support/service-shape.js';

const TOKEN = 'a-token-for-tests';
const START = { timeout: 180_000 };
const folder = mkdtempSync(join(tmpdir(), 'mrpo-sa-'));
const address = `unix:${join(folder, 's')}`;

/** The command line in this process: what it wrote, and its exit code. */
function startCli(argv: readonly string[], env: Record<string, string> = {}) {
  const stop = new AbortController();
  const written = { out: '', notes: '' };
  const io: CliIo = {
    out: (text) => void (written.out += text),
    note: (text) => void (written.notes += text),
    env: { MRPO_BACKEND: address, MRPO_TOKEN: TOKEN, ...env },
    cwd: process.cwd(),
    signal: stop.signal,
    progress: () => silentProgress,
    readStdin: async () => '{"model_handle": "from-stdin"}',
  };
  return { written, stop: () => stop.abort(), code: runCli(argv, io) };
}

async function cli(argv: readonly string[], env: Record<string, string> = {}) {
  const started = startCli(argv, env);
  return { code: await started.code, ...started.written };
}

const answersOf = (out: string): Record<string, unknown>[] =>
  out
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);

describe('mrpo backend', START, () => {
  let served: ReturnType<typeof startCli>;
  beforeAll(async () => {
    served = startCli(['backend', '--threads', '1', '--metrics-port', '0', '--json']);
    await vi.waitFor(() => expect(served.written.out).toContain('\n'), { timeout: 170_000, interval: 100 });
  });
  afterAll(async () => {
    served.stop();
    await served.code;
    rmSync(folder, { recursive: true, force: true });
  });

  it('says where it listens, as one JSON object', () => {
    const [line] = answersOf(served.written.out);
    const metrics = expect.stringMatching(/^127\.0\.0\.1:\d+$/) as string;
    expect(line).toEqual({ address, processId: expect.any(Number) as number, metrics });
  });

  it('tells Prometheus what it does, where the token comes along', async () => {
    const [{ metrics }] = answersOf(served.written.out) as [{ metrics: string }];
    const ask = (headers: Record<string, string>) => fetch(`http://${metrics}/metrics`, { headers });
    expect((await ask({})).status).toBe(401);
    const text = await (await ask({ authorization: `Bearer ${TOKEN}` })).text();
    expect(text).toMatch(/^mrpo_backend_models 0\.0$/m);
  });

  it('serves clients of this process', async () => {
    const backend = await connectBackend({ address, token: TOKEN });
    expect((await backend.info()).threads).toBe(1);
    await backend.close();
  });

  it('serves clients of other processes, and outlives them', async () => {
    const program = fileURLToPath(new URL('fixtures/remote-program.ts', import.meta.url));
    const run = async (): Promise<{ incarnation: string; logps: number[] }> => {
      const env = { ...process.env, MRPO_BACKEND: address, MRPO_TOKEN: TOKEN };
      const { stdout } = await promisify(execFile)(process.execPath, ['--import', 'tsx', program, tinyModel('llama')], {
        env,
      });
      return JSON.parse(stdout) as { incarnation: string; logps: number[] };
    };
    const first = await run();
    expect(first.logps).toHaveLength(4);
    expect(await run()).toEqual(first);
  });

  it('refuses callers without the token', async () => {
    await expect(connectBackend({ address })).rejects.toMatchObject({ reason: 'unauthenticated' });
    await expect(connectBackend({ address, token: 'wrong' })).rejects.toMatchObject({ reason: 'unauthenticated' });
    expect(await cli(['call', 'GetServerInfo'], { MRPO_TOKEN: 'wrong' })).toMatchObject({ code: 1, out: '' });
  });

  it('cannot have an address that is in use', async () => {
    const second = await cli(['backend', '--threads', '1']);
    expect(second).toMatchObject({ code: 2, out: '' });
    expect(second.notes).toMatch(/in use by another process/);
  });

  it('describes itself by reflection as the generated code does', async () => {
    const generated = generatedShape(BackendServiceDefinition.methods, BackendServiceService);
    const { services, shape } = await reflect();
    expect(services).toEqual(expect.arrayContaining(['grpc.health.v1.Health', 'mrpo.backend.v1.BackendService']));
    expect(shape).toEqual(generated);
  });

  describe('mrpo call', () => {
    it('prints an answer as one line of JSON', async () => {
      const { code, out } = await cli(['call', 'getserverinfo']);
      expect(code).toBe(0);
      expect(answersOf(out)).toEqual([expect.objectContaining({ protocol_version: PROTOCOL_VERSION, threads: 1 })]);
    });

    it('prints a stream as JSON lines', async () => {
      const request = JSON.stringify({ model: { source: tinyModel('llama') } });
      const { code, out } = await cli(['call', 'LoadModel', request]);
      expect(code).toBe(0);
      const answers = answersOf(out);
      expect(answers[0]).toMatchObject({ progress: { stage: expect.any(String) as string } });
      expect(answers.at(-1)).toMatchObject({ loaded: { architecture: 'LlamaForCausalLM' } });
    });

    it('sends a stream from an array', async () => {
      const loaded = await cli(['call', 'LoadModel', JSON.stringify({ model: { source: tinyModel('llama') } })]);
      const { loaded: model } = answersOf(loaded.out).at(-1) as { loaded: { model_handle: string } };
      const message = (content: string) => [{ role: 'user', content }];
      const row = { prompt: message('q'), chosen: message('a'), rejected: message('b') };
      const open = { model_handle: model.model_handle, max_length: 64 };
      const { code, out } = await cli([
        'call',
        'RegisterRows',
        JSON.stringify([{ open, rows: [row] }, { rows: [row, row] }]),
      ]);
      expect(code).toBe(0);
      expect(answersOf(out).map(({ rows }) => (rows as unknown[]).length)).toEqual([1, 2]);
    });

    it('reads a request from standard input', async () => {
      const { code, out } = await cli(['call', 'UnloadModel', '-']);
      expect({ code, out }).toEqual({ code: 0, out: '{}\n' });
    });

    it('says what the backend refused', async () => {
      const { code, notes, out } = await cli(['call', 'LoadModel', '{"model": {"source": "/no/such/model"}}']);
      expect({ code, out }).toEqual({ code: 1, out: '' });
      expect(notes).toContain('/no/such/model');
    });
  });

  it('ends with code 0 when it is stopped, and answers nobody afterwards', async () => {
    served.stop();
    expect(await served.code).toBe(0);
    await expect(connectBackend({ address, token: TOKEN })).rejects.toMatchObject({ reason: 'unreachable' });
  });
});

describe('mrpo call without a backend', () => {
  it.each([
    [['call'], 'which method'],
    [['call', 'LodModel'], 'LoadModel'],
    [['call', 'LoadModel', '{"modl": {}}'], 'modl'],
    [['call', 'LoadModel', '{"model": {"sorce": "x"}}'], 'model.sorce'],
    [['call', 'LoadModel', '{"model": "x"}'], 'expected an object'],
    [['call', 'RegisterRows', '[{"rows": [{"plain": true}, {"plane": true}]}]'], 'rows[1].plane'],
    [['call', 'LoadModel', '{model}'], 'expected JSON'],
    [['call', 'LoadModel', '[1]'], 'expected an object'],
    [['call', 'LoadModel', '[{}, {}]'], 'got 2 requests'],
    [['call', 'LoadModel', '--backend', 'nowhere'], 'nowhere'],
  ])('%j is bad usage that names the fault', async (argv, text) => {
    const { code, out, notes } = await cli(argv);
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(notes).toContain(text);
  });

  it('needs an address', async () => {
    const { code, notes } = await cli(['call', 'GetServerInfo'], { MRPO_BACKEND: '' });
    expect(code).toBe(2);
    expect(notes).toContain('MRPO_BACKEND');
  });

  it('lists the methods with their fields', async () => {
    const { out } = await cli(['call', '--list']);
    expect(out).toContain('Score(row_set: string, rows: int32[], adapter_off: bool) -> stream ScoreResponse\n');
    const { out: json } = await cli(['call', '--list', '--json']);
    const [{ methods }] = answersOf(json) as [{ methods: object }];
    expect(Object.keys(methods)).toHaveLength(Object.keys(BackendServiceDefinition.methods).length);
  });

  it('shows help with an example', async () => {
    for (const command of ['call', 'backend']) {
      const { code, out } = await cli([command, '--help']);
      expect(code).toBe(0);
      expect(out).toContain(`$ npx mrpo ${command}`);
    }
  });
});

describe('mrpo backend, its options', () => {
  it.each([
    [['backend', '--address', 'somewhere'], {}, 'somewhere'],
    [['backend', '--token-env', 'NO_SUCH_VARIABLE'], {}, 'NO_SUCH_VARIABLE'],
    [['backend', '--tls-cert', 'x.pem'], {}, 'TLS'],
    [['backend', '--threads', '0'], {}, 'threads'],
    [['backend', '--address', '0.0.0.0:0'], { MRPO_TOKEN: '' }, 'other machines'],
    [['backend', '--metrics-port', '0', '--metrics-host', '0.0.0.0'], { MRPO_TOKEN: '' }, 'other machines'],
    [['backend', '--metrics-port', '65536'], {}, '65535'],
    [['backend', '--metrics-host', '127.0.0.1'], {}, '--metrics-port'],
  ])('%j is bad usage', START, async (argv, env: Record<string, string>, text) => {
    const { code, out, notes } = await cli(argv, env);
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(notes).toContain(text);
  });
});

/** What the running server says of itself. */
async function reflect(): Promise<{ services: string[]; shape: Record<string, MethodShape> }> {
  const proto = fileURLToPath(new URL('fixtures/reflection.proto', import.meta.url));
  const loaded = loadPackageDefinition(loadSync(proto, { keepCase: true, includeDirs: [PROJECT_ROOT] }));
  const api = loaded as unknown as {
    grpc: { reflection: { v1alpha: { ServerReflection: new (...args: unknown[]) => ReflectionClient } } };
  };
  const client = new api.grpc.reflection.v1alpha.ServerReflection(address, credentials.createInsecure());
  const metadata = new Metadata();
  metadata.set('authorization', `Bearer ${TOKEN}`);
  const call = client.ServerReflectionInfo(metadata);
  call.write({ list_services: '' });
  call.write({ file_containing_symbol: 'mrpo.backend.v1.BackendService' });
  call.end();
  const answers: ReflectionAnswer[] = [];
  for await (const answer of call) answers.push(answer as ReflectionAnswer);
  client.close();
  const services = answers[0]?.list_services_response?.service.map(({ name }) => name) ?? [];
  const files = answers[1]?.file_descriptor_response?.file_descriptor_proto ?? [];
  return { services, shape: describedShape(files, 'mrpo.backend.v1', 'BackendService') };
}

interface ReflectionAnswer {
  readonly list_services_response?: { readonly service: readonly { readonly name: string }[] };
  readonly file_descriptor_response?: { readonly file_descriptor_proto: readonly Buffer[] };
}

interface ReflectionClient {
  ServerReflectionInfo(metadata: object): ClientDuplexStream<object, ReflectionAnswer>;
  close(): void;
}
