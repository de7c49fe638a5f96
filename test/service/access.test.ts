/** Who may what, over real gRPC: a service without a backend, so that orders wait. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Client, credentials, Metadata, status, type ServiceError } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RunConfigInput } from '../../src/config/index.js';
import { BadRequest, ErrorInfo, Status } from '../../src/gen/mrpo/rpc/v1/status.js';
import { makeToken } from '../../src/service/access/tokens.js';
import { connect, type RunsClient } from '../../src/service/client/connect.js';
import { serviceWorld, startService, type RunsService, type World } from './support.js';

let world: World;
let running: RunsService;
const tokens = { reader: '', ana: '', bob: '', admin: '' };
const clients: RunsClient[] = [];

beforeAll(async () => {
  world = serviceWorld();
  const lines = (Object.keys(tokens) as (keyof typeof tokens)[]).map((name) => {
    const made = makeToken(name === 'reader' ? 'read' : name === 'admin' ? 'admin' : 'run', name, name);
    tokens[name] = made.token;
    return made.line;
  });
  writeFileSync(join(world.folder, 'tokens'), `# who\n${lines.join('\n')}\n`);
  running = await startService({
    ...world.options,
    backends: [],
    tokens: join(world.folder, 'tokens'),
    limits: { maxWaiting: 4, maxUploadBytes: 2 * 1024 * 1024 },
  });
}, 180_000);
afterAll(async () => {
  for (const client of clients) client.close();
  await running.stop();
  world.remove();
});

function as(token: keyof typeof tokens): RunsClient {
  const client = connect({ address: running.address, token: tokens[token] });
  clients.push(client);
  return client;
}

const refused = (reason: string): unknown => expect.objectContaining({ reason });

describe('tokens and roles', () => {
  it('lets nobody in without a token that is known, on no service', async () => {
    const stranger = connect({ address: running.address, token: 'not-a-token' });
    clients.push(stranger);
    await expect(stranger.get('x')).rejects.toEqual(refused('unauthenticated'));
    await expect(connect({ address: running.address }).info()).rejects.toEqual(refused('unauthenticated'));
    for (const path of [
      '/grpc.health.v1.Health/Check',
      '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo',
      '/no/Such',
    ]) {
      const error = await raw(path, Buffer.alloc(0));
      expect([status.UNAUTHENTICATED, status.UNIMPLEMENTED], path).toContain(error?.code);
    }
  });

  it('keeps roles apart', async () => {
    await expect(as('reader').create(world.config())).rejects.toEqual(refused('permission_denied'));
    await as('ana').create(world.config(), { id: 'anas' });
    await expect(as('bob').cancel('anas')).rejects.toEqual(refused('permission_denied'));
    expect((await as('reader').get('anas')).tenant).toBe('ana');
    expect((await as('admin').cancel('anas', 'enough')).state).toBe('CANCELLED');
    expect(await as('ana').info()).toMatchObject({ caller: 'ana', role: 'run' });
  });

  it('writes every call into the audit log, and no token', async () => {
    await as('reader')
      .get('missing')
      .catch(() => undefined);
    await expect.poll(() => readFileSync(running.service.home.audit, 'utf8')).toContain('"outcome":"run_not_found"');
    const log = readFileSync(running.service.home.audit, 'utf8');
    expect(log).toContain('"caller":"reader","method":"getRun","run":"missing"');
    expect(log).toMatch(/"method":"getRun","peer":"[^"]+","outcome":"unauthenticated"/);
    expect(log).toMatch(/"method":"\/grpc.health.v1.Health\/Check","peer":"[^"]+","outcome":"unauthenticated"/);
    for (const token of Object.values(tokens)) expect(log).not.toContain(token);
  });

  it('refuses an address that others can reach without tokens and TLS', async () => {
    const open = { ...world.options, address: '0.0.0.0:0', home: join(world.folder, 'other') };
    await expect(startService(open)).rejects.toThrow(/tokens and TLS, both/);
    await expect(startService({ ...open, tokens: join(world.folder, 'tokens') })).rejects.toThrow(
      /tokens and TLS, both/,
    );
  });

  it('refuses a root that is no folder', async () => {
    const home = join(world.folder, 'other');
    for (const root of [join(world.folder, 'nowhere'), world.data]) {
      await expect(startService({ ...world.options, home, roots: [root] })).rejects.toThrow(`--roots: got ${root}`);
    }
  });

  it.each(['127.0.0.1:99999', '0.0.0.0:0'])('ends with a word where the page cannot be served so: %s', (page) => {
    const { home, roots, env } = { ...world.options, home: join(world.folder, 'paged') };
    const argv = ['serve', '--address', '127.0.0.1:0', '--home', home, '--page', page, '--roots', ...roots];
    const { status: code, stderr } = spawnSync(process.execPath, ['bin/mrpo.js', ...argv], { env, encoding: 'utf8' });
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringMatching(/^error: .*page: /s) as string });
    expect(existsSync(join(home, '.lock'))).toBe(false);
  });

  it('gives a folder to one service at a time', async () => {
    await expect(startService(world.options)).rejects.toThrow(/a service \(process \d+ on .*\) works in this folder/);
    const taken = { ...world.options, address: running.address, home: join(world.folder, 'other') };
    await expect(startService(taken)).rejects.toThrow(/: it is in use by another process$/);
  });
});

describe('orders', () => {
  it('are one run when sent twice, and refused with another spec', async () => {
    const ana = as('ana');
    const first = await ana.create(world.config(), { id: 'twice' });
    const second = await ana.create(world.config(), { id: 'twice' });
    expect([first.existed, second.existed]).toEqual([false, true]);
    expect(second.run.specHash).toBe(first.run.specHash);
    const otherwise = await ana.create(world.config(), { id: 'twice', priority: 7, labels: { team: 'b' } });
    expect(otherwise.run).toMatchObject({ priority: 0, labels: {} });
    expect(otherwise.warnings).toEqual([
      'run "twice" keeps its priority 0, got 7',
      'run "twice" keeps its labels (none), got team=b',
    ]);
    await expect(ana.create(world.config({ seed: 9 }), { id: 'twice' })).rejects.toEqual(refused('run_exists'));
    await expect(as('bob').create(world.config(), { id: 'twice' })).rejects.toEqual(refused('run_exists'));
    const both = await Promise.all([1, 2, 3].map(() => ana.create(world.config(), { id: 'at-once' })));
    expect(both.filter(({ existed }) => !existed)).toHaveLength(1);
    for (const id of ['twice', 'at-once']) await ana.cancel(id);
  });

  it('are only checked when that is asked', async () => {
    const { run } = await as('ana').create(world.config(), { id: 'checked', validateOnly: true });
    expect(run.resolvedSpec).toMatchObject({ training: { adam_beta2: 0.999 } });
    await expect(as('ana').get('checked')).rejects.toEqual(refused('run_not_found'));
  });

  it('are refused where what they name is not there, field by field, and only once they are new', async () => {
    const ana = as('ana');
    const [train, lora] = ['own.jsonl', 'adapter'].map((name) => join(world.folder, name)) as [string, string];
    writeFileSync(train, readFileSync(world.data));
    mkdirSync(lora);
    const config = world.config();
    const missing = {
      ...config,
      policy: { ...config.policy, adapter: lora },
      references: [
        { name: 'gone', model: join(world.folder, 'gone') },
        { name: 'odd', model: 'a/b/c' },
      ],
      data: { ...config.data, train: ['own.jsonl', 'nope.jsonl'], eval: join(world.folder, '*.csv') },
    };
    for (const validateOnly of [true, false]) {
      const error = ana.create(missing, { validateOnly });
      await expect(error).rejects.toMatchObject({
        reason: 'spec_invalid',
        hint: expect.stringContaining('--upload') as string,
      });
      const { message } = (await error.catch((thrown: unknown) => thrown)) as Error;
      expect(message.split('\n').map((line) => line.split(': ')[0])).toEqual([
        'spec.data.train[1]',
        'spec.data.eval',
        'spec.policy.adapter',
        'spec.references[0].model',
        'spec.references[1].model',
      ]);
      expect(message).toContain(`("nope.jsonl" is relative to ${world.folder}, the first of the service's --roots)`);
    }
    const hub = { ...config, policy: { ...config.policy, model: 'models/typo' } };
    const { warnings } = await ana.create(hub, { validateOnly: true });
    expect(warnings.join()).toContain(`there is no folder ${join(world.folder, 'models/typo')}`);

    const own = { ...config, data: { ...config.data, train } };
    expect((await ana.create(own, { id: 'changes' })).warnings).toEqual([]);
    expect((await ana.create(own, { id: 'changes' })).warnings).toEqual([]);
    writeFileSync(train, '{"prompt": "a", "chosen": "b", "rejected": "c"}\n');
    const again = await ana.create(own, { id: 'changes' });
    expect(again.existed).toBe(true);
    expect(again.warnings).toEqual([expect.stringMatching(/own\.jsonl has changed since .* now it has 48 bytes/)]);
    rmSync(train);
    expect((await ana.create(own, { id: 'changes' })).warnings.join()).toContain('now it cannot be read');
    await ana.cancel('changes');
  });

  it('are not refused for what lies in a model folder and is not read', async () => {
    const model = join(world.folder, 'edited');
    mkdirSync(model);
    writeFileSync(join(model, 'config.json'), '{}');
    const order = () => as('ana').create({ ...world.config(), policy: { model } }, { validateOnly: true });
    for (const name of ['.#config.json', 'notes.md']) symlinkSync('nowhere', join(model, name));
    expect((await order()).warnings).toEqual([]);
    symlinkSync('nowhere', join(model, 'model-00001-of-00002.safetensors'));
    await expect(order()).rejects.toThrow(/spec\.policy\.model: .*safetensors: no such file/);
  });

  it('name every field that is wrong', async () => {
    const wrong = {
      ...world.config({ batch_size: 0, learning_rate: -1 }),
      objective: { loss: 'mrpoo' },
    } as unknown as RunConfigInput;
    const error = await as('ana')
      .create(wrong)
      .catch((thrown: unknown) => thrown as { cause: ServiceError });
    const [bytes] = (error as { cause: ServiceError }).cause.metadata.get('grpc-status-details-bin');
    const { code, details } = Status.decode(bytes as Buffer);
    expect(code).toBe(status.INVALID_ARGUMENT);
    const info = ErrorInfo.decode(details[0]?.value ?? Buffer.alloc(0));
    expect(info).toMatchObject({
      reason: 'ERROR_REASON_SPEC_INVALID',
      domain: 'mrpo.runs',
      metadata: { hint: expect.any(String) },
    });
    const { fieldViolations } = BadRequest.decode(details[1]?.value ?? Buffer.alloc(0));
    expect(fieldViolations.map(({ field }) => field).sort()).toEqual([
      'spec.objective.loss',
      'spec.training.batch_size',
      'spec.training.learning_rate',
    ]);
  });

  it('wait in a number that is limited', async () => {
    const bob = as('bob');
    for (const id of ['q1', 'q2', 'q3', 'q4']) await bob.create(world.config(), { id, labels: { batch: 'q' } });
    await expect(bob.create(world.config(), { id: 'q5' })).rejects.toEqual(refused('quota'));
    expect(running.service.ledger.index.count('PENDING', 'bob')).toBe(4);
    const ids = [];
    for await (const run of bob.list({ labels: { batch: 'q' }, states: ['PENDING'] })) ids.push(run.id);
    expect(ids).toEqual(['q4', 'q3', 'q2', 'q1']);
    expect((await bob.get('q1')).queuePosition).toBe(1);
    expect((await bob.pause('q1')).state).toBe('PAUSED');
    expect((await bob.resume('q1')).state).toBe('PENDING');
    for (const id of ids) await bob.cancel(id);
    await bob.delete('q1');
    await expect(bob.get('q1')).rejects.toEqual(refused('run_not_found'));
  });
});

describe('paths', () => {
  it.each([
    ['/etc/passwd', 'spec.data.train'],
    ['../../../etc/passwd', 'spec.data.train'],
    ['LINK/passwd', 'spec.data.train'],
    ['*/../../../../etc/*', 'spec.data.train'],
  ])('outside the roots are refused: %s', async (path, field) => {
    mkdirSync(join(world.folder, 'in'), { recursive: true });
    const link = join(world.folder, 'in', 'link');
    try {
      symlinkSync('/etc', link);
    } catch {
      // made by the case before
    }
    const config = world.config();
    const train = path.replace('LINK', link);
    const error = as('ana').create({ ...config, data: { ...config.data, train } });
    await expect(error).rejects.toMatchObject({ reason: 'path_refused', message: expect.stringContaining(field) });
    await expect(error).rejects.toThrow(`(its --roots: ${world.folder}, `);
  });

  it('of code, of output and of another tenant are refused', async () => {
    const ana = as('ana');
    const config = world.config();
    await expect(ana.create({ ...config, objective: { loss: 'custom', module: 'x.js' } })).rejects.toEqual(
      refused('path_refused'),
    );
    await expect(ana.create({ ...config, output: '/tmp/x' })).rejects.toEqual(refused('spec_invalid'));
    const uri = await as('bob').upload(world.data);
    const [, hash = '', name = ''] = /upload:(.*)\/(.*)/.exec(uri) ?? [];
    const file = join(running.service.home.uploads, 'bob', hash, name);
    await expect(ana.create({ ...config, data: { ...config.data, train: file } })).rejects.toEqual(
      refused('path_refused'),
    );
    const { run } = await as('bob').create({ ...config, data: { ...config.data, train: uri } }, { validateOnly: true });
    expect(run.resolvedSpec?.data.train).toBe(file);
  });
});

describe('uploads', () => {
  it('are kept once by content, within the quota', async () => {
    const ana = as('ana');
    const [first, second] = [await ana.upload(world.data), await ana.upload(world.data)];
    expect(second).toBe(first);
    const big = join(world.folder, 'big.jsonl');
    writeFileSync(big, 'x'.repeat(3 * 1024 * 1024));
    await expect(ana.upload(big)).rejects.toEqual(refused('quota'));
    expect((await ana.info()).uploadedBytes).toBe(readFileSync(world.data).length);
  });
});

describe('frames', () => {
  it('that are no message get INVALID_ARGUMENT', async () => {
    const error = await raw('/mrpo.runs.v1.RunService/GetRun', Buffer.from([0xff, 0xff, 0xff]), tokens.ana);
    expect(error?.code).toBe(status.INVALID_ARGUMENT);
  });
});

function raw(path: string, bytes: Buffer, token?: string): Promise<ServiceError | null> {
  const client = new Client(running.address, credentials.createInsecure());
  const metadata = new Metadata();
  if (token !== undefined) metadata.set('authorization', `Bearer ${token}`);
  const same = (value: Buffer): Buffer => value;
  return new Promise((resolve) => {
    client.makeUnaryRequest(path, same, same, bytes, metadata, (error) => {
      client.close();
      resolve(error);
    });
  });
}
