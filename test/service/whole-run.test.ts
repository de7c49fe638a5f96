/**
 * One run from order to adapter, through the real service and its own process, over TLS and with a token; the Python
 * backend is one that serves them all.
 */
import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { connectBackend } from '../../src/backend/grpc/client.js';
import { startStandalone, type StandaloneBackend } from '../../src/backend/standalone.js';
import type { CliIo } from '../../src/cli/command.js';
import { tracedCommand } from '../../src/cli/command-span.js';
import { runCli } from '../../src/cli/main.js';
import { MrpoError } from '../../src/core/errors.js';
import { loadConfig, type RunConfigInput } from '../../src/config/index.js';
import { sha256 } from '../../src/core/hash.js';
import { loadData } from '../../src/data/index.js';
import { openLogpCache, scoreReferences } from '../../src/references/index.js';
import { readRun } from '../../src/sdk/index.js';
import { makeToken } from '../../src/service/access/tokens.js';
import { connect, type RunsClient } from '../../src/service/client/connect.js';
import type { ServiceEvent } from '../../src/service/client/values.js';
import { startTracing, type Tracing } from '../../src/service/tracing/start.js';
import { kill, resultOf } from '../runs/kill-run.js';
import { testPython } from '../support/tiny-models.js';
import { startCollector, type Collector, type SentSpan } from './collector.js';
import { buildGoClient, missingGoTools } from './go-client.js';
import { serviceWorld, startService, type RunsService, type World } from './support.js';

const certificate = (name: string): string =>
  fileURLToPath(new URL(`../backend/support/certs/${name}`, import.meta.url));
const ca = certificate('authority.pem');
const { token, line } = makeToken('run', 'ci', 'team');

let world: World;
let collector: Collector;
let tracing: Tracing;
let backend: StandaloneBackend;
let running: RunsService;
let service: RunsClient;
let gone: string;

beforeAll(async () => {
  world = serviceWorld();
  gone = `unix:${join(world.folder, 'gone')}`;
  const tokens = join(world.folder, 'tokens');
  writeFileSync(tokens, `${line}\n`);
  collector = await startCollector();
  process.env['OTEL_EXPORTER_OTLP_ENDPOINT'] = collector.endpoint; // for the backend's own spans
  backend = await startStandalone({ address: `unix:${join(world.folder, 'b')}`, python: testPython(), threads: 1 });
  delete process.env['OTEL_EXPORTER_OTLP_ENDPOINT'];
  const sending = { OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint, OTEL_EXPORTER_OTLP_TIMEOUT: '20000' };
  const env = { ...world.options.env, ...sending };
  tracing = await startTracing(env, 'mrpo-service', (text) => expect.unreachable(text));
  running = await startService({
    ...world.options,
    env,
    address: 'localhost:0',
    tls: { cert: certificate('server.pem'), key: certificate('server.key') },
    tokens,
    times: { lookEveryMs: 250, moveAfterMs: 500 },
    // One process by two names: to the queue two backends, of which the second helps where it is idle. And one where
    // nobody listens, whose slots would be the freest of all.
    backends: [
      ...[backend.address, join(world.folder, 'b')].map((address) => ({ address, slots: 1 })),
      { address: gone, slots: 9 },
    ],
  });
  service = connect({ address: running.address, token, tls: { ca } });
}, 180_000);
afterAll(async () => {
  service.close();
  await running.stop();
  await backend.stop();
  collector.close();
  world.remove();
}, 180_000);

/** In JSON, as grpcurl and protojson take it. */
function order(): string {
  const { policy, data, training } = world.config();
  const spec = {
    policy: { model: policy.model, lora: { adapter: { r: 4 } } },
    references: [{ name: 'self', model: 'policy' }],
    data: { train: { path: data.train }, eval: { count: 6 }, max_length: data.max_length },
    training: { ...training },
    generate: { samples: 0 },
  };
  return JSON.stringify({ run_id: 'first', labels: { team: 'a' }, spec });
}

const run = promisify(execFile);

it('is ordered, watched and fetched by a program that knows only the .proto, by reflection (Python)', async () => {
  const script = join(import.meta.dirname, 'reflection_client.py');
  const { stdout } = await run(testPython(), [script, running.address, ca, token, order()]);
  const seen = JSON.parse(stdout) as { seqs: number[]; losses: number[]; files: Record<string, string> };
  expect(seen).toMatchObject({ service: 'mrpo.runs.v1.RunService', ended: 'RUN_STATE_SUCCEEDED', beta1: 0.9 });
  expect(seen.seqs).toEqual(seen.seqs.map((_, i) => i + 1));
  expect(seen.losses).toHaveLength(4);
  const { folder } = await service.get('first');
  const adapter = readFileSync(join(folder, 'adapter', 'adapter_model.safetensors'));
  expect(seen.files['adapter_model.safetensors']).toBe(sha256(adapter));
}, 180_000);

const missing = missingGoTools();

it.skipIf(missing.length > 0)(
  `is the same for the Go example (needs ${missing.join(', ') || 'nothing else'})`,
  async (test) => {
    const program = await buildGoClient(join(world.folder, 'go'));
    if (program === undefined) return test.skip('Go libraries can neither be found nor fetched here');
    const [orderFile, out] = [join(world.folder, 'order.json'), join(world.folder, 'fetched-go')];
    writeFileSync(orderFile, order());
    const argv = ['-address', running.address, '-ca', ca, '-order', orderFile, '-out', out];
    const env = { ...process.env, MRPO_SERVICE_TOKEN: token };
    const { stderr } = await run(program, argv, { env });
    expect(stderr.match(/step \d of 4: loss 0\.\d+/g)).toHaveLength(4);
    const { folder } = await service.get('first');
    const own = readFileSync(join(folder, 'adapter', 'adapter_model.safetensors'));
    expect(readFileSync(join(out, 'adapter_model.safetensors')).equals(own)).toBe(true);
    writeFileSync(
      orderFile,
      JSON.stringify({ ...(JSON.parse(order()) as object), spec: { training: { epochs: -1 } } }),
    );
    await expect(run(program, argv, { env })).rejects.toThrow(/SPEC_INVALID[^]*spec\.training\.epochs/);
  },
  300_000,
);

it('is the same for a client of this package', async () => {
  const { run, existed } = await service.create(world.config(), { id: 'first' });
  expect(existed).toBe(true);
  expect(run).toMatchObject({ id: 'first', labels: { team: 'a' }, tenant: 'team' });
  const events: ServiceEvent[] = [];
  for await (const event of service.watch('first')) events.push(event);
  expect(events.map(({ seq }) => seq)).toEqual(events.map((_, i) => i + 1));
  expect(events.at(-1)).toMatchObject({ type: 'state', state: 'SUCCEEDED' });
  expect(events.flatMap((event) => (event.type === 'step' ? [event.step] : []))).toEqual([1, 2, 3, 4]);
  const after = await service.get('first');
  expect(after).toMatchObject({
    state: 'SUCCEEDED',
    attempt: 1,
    lastSeq: events.length,
    backend: backend.address,
    progress: { step: 4, totalSteps: 4 },
  });
  expect(after.resolvedSpec).toMatchObject({ training: { adam_beta1: 0.9 } });
  const paths = await service.download('first', 'result', join(world.folder, 'fetched'));
  expect(paths.map((path) => path.slice(world.folder.length))).toContain('/fetched/adapter_model.safetensors');
  const own = readFileSync(join(after.folder, 'adapter', 'adapter_model.safetensors'));
  expect(readFileSync(join(world.folder, 'fetched', 'adapter_model.safetensors')).equals(own)).toBe(true);
  expect(existsSync(join(world.folder, 'fetched', 'adapter_model.safetensors.part'))).toBe(false);
}, 180_000);

it('pauses, goes on with and cancels a run that trains', async () => {
  const id = 'second';
  const config = world.config({ max_steps: 500, eval_steps: 500 });
  await service.create({ ...config, data: manyPairs(88) }, { id });
  const [states, notes]: [string[], string[]] = [[], []];
  let asked = 0;
  for await (const event of service.watch(id)) {
    if (event.type === 'state') states.push(event.state);
    if (event.type === 'note') notes.push(event.message);
    if (event.type === 'step' && asked === 0 && (asked = 1)) await service.pause(id);
    if (event.state === 'PAUSED') {
      const [checkpoint] = await service.checkpoints(id);
      expect(checkpoint?.step).toBeGreaterThan(0);
      await service.resume(id);
    }
    if (event.type === 'resumed') expect(event.step).toBeGreaterThan(0);
    if (event.type === 'step' && event.attempt === 2 && asked === 1 && (asked = 2)) {
      await service.cancel(id, 'enough');
      await service.cancel(id, 'as sent again where the answer was lost');
    }
  }
  expect(states).toEqual([
    'PENDING',
    'PREPARING',
    'RUNNING',
    'PAUSED',
    'PENDING',
    'PREPARING',
    'CANCELLING',
    'CANCELLED',
  ]);
  expect(notes).toContain('self: its pairs are scored on 2 backends');
  const cancelled = await service.get(id);
  expect(cancelled).toMatchObject({ state: 'CANCELLED', attempt: 2, reason: 'enough' });
  expect(readdirSync(join(cancelled.folder, 'adapter'))).toContain('adapter_model.safetensors');
  await service.resume(id);
  const asSoon: string[] = [];
  for await (const event of service.watch(id, { afterSeq: cancelled.lastSeq })) {
    asSoon.push(event.type === 'phase' ? event.phase : event.state);
    if (event.state === 'PREPARING') await service.cancel(id, 'now', { atOnce: true });
  }
  expect(asSoon.slice(0, 3)).toEqual(['PENDING', 'PREPARING', 'CANCELLING']);
  expect(asSoon.at(-1)).toBe('CANCELLED');
  expect(asSoon).not.toContain('export');
  await service.delete(id);
  await expect(service.get(id)).rejects.toMatchObject({ reason: 'run_not_found' });
}, 300_000);

/** Enough pairs for two backends. */
function manyPairs(maxLength: number): RunConfigInput['data'] {
  const train = join(world.folder, 'many.jsonl');
  const row = (i: number) => ({
    prompt: `What is ${i}?`,
    chosen: `It is ${i}${'!'.repeat(i % 7)}`,
    rejected: `Ask ${i}.`,
  });
  writeFileSync(train, Array.from({ length: 128 }, (_, i) => `${JSON.stringify(row(i))}\n`).join(''));
  return { train, eval: 6, max_length: maxLength };
}

/** The service's cache against the scores that one backend gives alone. */
async function sameAsOnOneBackend(object: RunConfigInput): Promise<void> {
  const { config } = loadConfig({ object, env: {} });
  const data = await loadData(config.data, { seed: config.training.seed });
  const pairs = [...data.train, ...data.eval];
  const one = await connectBackend({ address: backend.address });
  const caches = [':memory:', join(world.folder, 'cache', 'logps.sqlite')].map((path) => openLogpCache({ path }));
  const [alone, kept] = await Promise.all(
    caches.map((cache) => scoreReferences({ config, pairs, backend: one, cache })),
  ).finally(() => [one, ...caches].map((open) => void open.close()));
  const [own, shared] = [alone, kept].map((scores) => scores?.references[0]);
  expect([own?.counts, shared?.counts].map((counts) => counts?.scored)).toEqual([128, 0]);
  for (const side of ['chosen', 'rejected'] as const) {
    const differences = [...(own?.columns[side].logps ?? [])].map(
      (logp, i) => logp - (shared?.columns[side].logps[i] ?? NaN),
    );
    expect(Math.max(...differences.map(Math.abs))).toBeLessThan(1e-4); // nats; float32, in other company
  }
}

it('plans, scores, reports and lists models', async () => {
  const config = world.config();
  const plan = await service.plan(config);
  expect(plan).toMatchObject({ fits: true, trainPairs: 18, heldOutPairs: 6, steps: 4 });
  expect(plan.memoryBytes['total']).toBeGreaterThan(plan.memoryBytes['weights'] ?? Infinity);
  await expect(service.plan(config, 'ABACUS')).rejects.toMatchObject({ reason: 'request_invalid' });
  const changed = { ...config, data: manyPairs(80) };
  await expect(service.referenceReport(changed)).rejects.toMatchObject({ reason: 'not_scored' });
  const scored = await service.score(changed);
  expect(scored).toMatchObject({ pairs: 128, usable: 128, references: [{ name: 'self', scored: 128, cached: 0 }] });
  await sameAsOnOneBackend(changed);
  expect(await service.referenceReport(config)).toMatchObject({ pairs: 24 });
  expect(await service.whatIf(config)).toHaveProperty('results');
  const paths = (await service.models()).map(({ path }) => path);
  expect(paths).toContain(config.policy.model);
}, 300_000);

/** The command line in this process. `interrupt` is Ctrl-C; steps are told as they come. */
function startCli(argv: readonly string[], more: Record<string, string> = {}) {
  const stop = new AbortController();
  const written = { out: '', notes: '' };
  let firstStep = (): void => undefined;
  const stepped = new Promise<void>((resolve) => (firstStep = resolve));
  const io: CliIo = {
    out: (text) => void (written.out += text),
    note: (text) => void (written.notes += text),
    env: { ...world.options.env, MRPO_SERVICE: running.address, MRPO_SERVICE_TOKEN: token, MRPO_TLS_CA: ca, ...more },
    cwd: world.folder,
    signal: stop.signal,
    progress: (title) => ({ update: () => title === '  step' && firstStep(), stop: () => undefined }),
    readStdin: async () => '',
  };
  const ended = tracedCommand(argv, io, () => runCli(argv, io)).then((code) => ({ code, ...written }));
  return { written, ended, stepped, interrupt: () => stop.abort(new MrpoError('aborted', 'interrupted')) };
}

const written = (name: string, config: object): string => {
  const path = join(world.folder, `${name}.json`);
  writeFileSync(path, JSON.stringify(config));
  return path;
};

it('is what mrpo train does here, line by line and byte by byte, with --service', async () => {
  const config = written('same', world.config());
  const [here, there] = ['here', 'there'].map((name) => join(world.folder, name)) as [string, string];
  const own = await startCli(['train', config, '--set', `output=${here}`], { MRPO_BACKEND: backend.address }).ended;
  const argv = ['train', config, '--service', '--set', `output=${there}`];
  const { code, out, notes } = await startCli(argv).ended;
  expect({ code, notes }).toMatchObject({ code: 0 });
  expect(out).toBe(own.out.replaceAll(here, there));
  const shown = (text: string): string[] => text.replaceAll(here, there).split('\n').slice(1); // the first names the run
  expect(shown(notes).filter((line) => line !== '  waiting for a backend')).toEqual(shown(own.notes));
  for (const file of ['adapter/adapter_model.safetensors', 'adapter/adapter_config.json', 'metrics.jsonl'])
    expect(existsSync(join(there, file)), file).toBe(true);
  expect(readFileSync(join(there, 'adapter/adapter_model.safetensors'))).toEqual(
    readFileSync(join(here, 'adapter/adapter_model.safetensors')),
  );
  expect((await readRun(there)).record).toMatchObject({ status: 'succeeded', training: { steps: 4 } });
  const twice = await startCli(argv).ended;
  expect(twice).toMatchObject({ code: 2, out: '' });
  expect(twice.notes).toContain(`mrpo resume ${there}`);
  expect((await startCli(['resume', there, '--json']).ended).code).toBe(0); // it has ended: only fetched again
}, 300_000);

it('is followed to its end by mrpo submit --watch', async () => {
  const argv = ['submit', written('again', world.config()), '--id', 'first', '--label', 'team=a', '--watch', '--json'];
  const { code, out, notes } = await startCli(argv).ended;
  expect({ code, notes }).toMatchObject({ code: 0 });
  expect(JSON.parse(out.trim().split('\n').at(-1) ?? '')).toMatchObject({ type: 'state', state: 'SUCCEEDED' });
  expect(notes).toContain('run first');
  const checked = await startCli([...argv.slice(0, 2), '--validate-only', '--json']).ended;
  const { valid, ...rest } = JSON.parse(checked.out) as Record<string, unknown>;
  expect([valid, Object.keys(rest)]).toEqual([true, ['warnings', 'spec', 'resolvedSpec']]);
}, 60_000);

it('goes to no backend where nobody listens', async () => {
  expect((await service.info()).backends).toContainEqual({ address: gone, slots: 9, busy: 0, away: true });
  const used = new Set<string>();
  for await (const run of service.list({})) used.add(run.backend);
  expect(used).not.toContain(gone);
  expect(await running.metrics()).toContain(`mrpo_backend_up{backend="${gone}"} 0`);
});

it('moves when its backend is killed, and ends as if nothing had happened', async () => {
  const doomed = await startStandalone({ address: gone, python: testPython(), threads: 1 });
  await vi.waitFor(async () => expect((await service.info()).backends.at(-1)).toMatchObject({ away: false }), 5_000);
  const config = world.config({ max_steps: 24, eval_steps: 12, save_steps: 4 });
  const policy = { ...config.policy, lora: { r: 4, dropout: 0.1 } };
  const spec = { ...config, policy, generate: { samples: 1, max_new_tokens: 4 } };
  await service.create(spec, { id: 'moved' }); // where most slots are free
  const [backends, notes]: [string[], string[]] = [[], []];
  for await (const event of service.watch('moved')) {
    if (event.type === 'note') notes.push(event.message);
    if (event.type === 'step' && event.attempt === 1 && event.step >= 6) kill(doomed.processId);
    if (event.type === 'state' && event.state === 'PREPARING') backends.push((await service.get('moved')).backend);
  }
  expect(backends).toEqual([gone, expect.stringMatching(/b$/)]);
  expect(notes.join('\n')).toMatch(
    /(no backend answers at|has ended the connection).*; waiting for the connection, 30 s at most/,
  );
  const { run } = await service.create(spec, { id: 'undisturbed' });
  for await (const event of service.watch(run.id)) expect(event.state).not.toBe('FAILED');
  const [moved, undisturbed] = await Promise.all(['moved', 'undisturbed'].map((id) => service.get(id)));
  expect(moved).toMatchObject({ state: 'SUCCEEDED', attempt: 2 });
  expect(resultOf(dirname(moved?.folder ?? ''))).toEqual(resultOf(dirname(undisturbed?.folder ?? '')));
}, 180_000);

it('is stopped by Ctrl-C as here, and goes on with mrpo resume', async () => {
  const folder = join(world.folder, 'stopped');
  const config = written('stopped', world.config({ max_steps: 500, eval_steps: 500 }));
  for (const argv of [
    ['train', config, '--set', `output=${folder}`],
    ['resume', folder],
  ]) {
    const command = startCli(argv, { MRPO_TRAIN_SERVICE: running.address });
    await command.stepped;
    command.interrupt();
    const { code, out, notes } = await command.ended;
    expect(code).toBe(130);
    expect(out).toContain(`adapter: ${join(folder, 'adapter')}`);
    expect(notes).toContain(`Go on with: mrpo resume ${folder}`);
    if (argv[0] === 'resume') expect(notes).toMatch(/going on behind step \d/);
    const { record } = await readRun(folder);
    expect(record).toMatchObject({ status: 'cancelled' });
    expect(existsSync(join(folder, 'adapter/adapter_model.safetensors'))).toBe(true);
  }
}, 300_000);

it('is refused as here, and leaves no folder behind', async () => {
  const folder = join(world.folder, 'refused');
  const config = world.config();
  const refused = written('refused', { ...config, policy: { ...config.policy, model: '/no/such/model' } });
  const { code, notes } = await startCli(['train', refused, '--service', '--set', `output=${folder}`]).ended;
  expect(code).toBe(2);
  expect(notes).toContain('/no/such/model');
  expect(existsSync(folder)).toBe(false);
  const both = await startCli(['train', refused, '--service', '--backend', backend.address]).ended;
  expect(both).toMatchObject({ code: 2, out: '' });
}, 60_000);

it('is a trace: the call that ordered it, below it each attempt, below that its stages', async () => {
  await tracing.shutdown();
  const { spans } = collector;
  const calls = spans.filter(({ name }) => name === 'mrpo.runs.v1.RunService/CreateRun');
  const attempts = spans.filter(({ name }) => name === 'attempt');
  expect(attempts).toHaveLength(9); // of the first run, two of the second, of mrpo train, two of the moved one, of the undisturbed, two of the stopped one
  for (const { trace, parent } of attempts)
    expect(calls).toContainEqual(expect.objectContaining({ trace, id: parent }));
  const first = attempts.find(({ trace }) => trace === calls[0]?.trace);
  const stages = spans.filter(({ parent }) => parent === first?.id).map(({ name }) => name);
  expect(stages).toEqual(expect.arrayContaining(['data', 'references', 'train']));
});

it('goes on into the backend: below an attempt the calls of its process, below each the work of the Python process', async () => {
  await backend.stop(); // it sends what is left
  const { spans } = collector;
  const [attempt] = spans.filter(({ name }) => name === 'attempt');
  for (const method of ['LoadModel', 'RegisterRows', 'Score', 'CreateTrainer', 'Train', 'Export']) {
    const name = `mrpo.backend.v1.BackendService/${method}`;
    const [sent] = spans.filter((span) => span.name === name && span.parent === attempt?.id);
    const answered = spans.filter(({ parent }) => parent === sent?.id);
    expect(answered, method).toEqual([expect.objectContaining({ name, trace: attempt?.trace })]);
  }
});

it('shares the pairs of one reference between idle backends', () => {
  const { spans } = collector;
  const [called] = spans.filter(({ name }) => name === 'mrpo.runs.v1.RunService/ScoreReferences').slice(-1);
  const loads = spans.filter(({ name, trace }) => name.endsWith('/LoadModel') && trace === called?.trace);
  expect(loads).toHaveLength(4); // by both, each with the span of the backend itself
});

it('begins with the client of this package, where its program traces', () => {
  const calls = collector.spans.filter(({ name }) => name === 'mrpo.runs.v1.RunService/CreateRun');
  const below = (above: readonly SentSpan[]): SentSpan[] =>
    calls.filter(({ parent }) => above.some(({ id }) => id === parent));
  // The repeated order of the first run, the second, the moved and the undisturbed.
  expect(below(calls.filter(({ parent }) => parent === ''))).toHaveLength(4);
  const commands = collector.spans.filter(({ name, parent }) => name === 'mrpo train' && parent === '');
  expect(below(below(commands))).toHaveLength(3); // two that ran, and the refused one
});
