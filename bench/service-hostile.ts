/**
 * Malformed and hostile calls on a real service with tokens, and whether it minds: frames of random bytes, absurd values,
 * wrong and missing tokens, paths that lead out, messages that are too large, readers that do not read, streams that are
 * left half-open, connections that say nothing or nonsense. Between them, an honest caller asks and must be answered.
 *
 *   npm run bench -- service-hostile [--calls 10000] [--seed 1]
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { connect as connectSocket } from 'node:net';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Client, credentials, Metadata, status } from '@grpc/grpc-js';
import { seededRandom } from '../src/core/random.js';
import { CreateRunRequest, RunServiceService } from '../src/gen/mrpo/runs/v1/runs.js';
import { makeToken } from '../src/service/access/tokens.js';
import { connect } from '../src/service/client/connect.js';
import { listening, serviceWorld, startServiceProcess } from '../test/service/support.js';
import { kill } from '../test/runs/kill-run.js';

const argument = (name: string, fallback: number): number => {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? fallback : Number(process.argv[at + 1]);
};
const [calls, seed] = [argument('calls', 10_000), argument('seed', 1)];
const random = seededRandom(seed);
const METHODS = Object.values(RunServiceService).map(({ path }) => path);
const PATHS = [
  '/etc/passwd',
  '../../../../etc/shadow',
  '/proc/self/environ',
  'a\0b',
  '~/.ssh/id_rsa',
  `/${'x'.repeat(5000)}`,
  'HOME/order.json',
];

const world = serviceWorld();
const port = 40_000 + random.integer(20_000);
Object.assign(world.options, { address: `127.0.0.1:${port}` });
const made = makeToken('run', 'fuzz', 'fuzz');
writeFileSync(join(world.folder, 'tokens'), `${made.line}\n`);
const child = startServiceProcess(world, 1, [
  '--tokens',
  join(world.folder, 'tokens'),
  '--backend',
  'unix:/tmp/none*1',
]);
await listening(child);
const address = `127.0.0.1:${port}`;
const honest = connect({ address, token: made.token });
const client = new Client(address, credentials.createInsecure(), { 'grpc.max_send_message_length': -1 });

const outcomes = new Map<string, Map<string, number>>();
const count = (kind: string, outcome: string): void => {
  const kinds = outcomes.get(kind) ?? new Map<string, number>();
  outcomes.set(kind, kinds.set(outcome, (kinds.get(outcome) ?? 0) + 1));
};
const memory = (): number =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1] ?? 0) / 1024;
const bytes = (length: number): Buffer => Buffer.from(Array.from({ length }, () => random.integer(256)));
const one = <T>(items: readonly T[]): T => items[random.integer(items.length)] as T;
const same = (value: Buffer): Buffer => value;

/** Any method as a stream each way, which is what all of them are on the wire. */
function call(
  path: string,
  messages: readonly Buffer[],
  token: string | undefined,
  { end = true, giveUpMs = 20_000 } = {},
): Promise<string> {
  const metadata = new Metadata();
  if (token !== undefined) metadata.set('authorization', token);
  return new Promise((resolve) => {
    const stream = client.makeBidiStreamRequest(path, same, same, metadata, { deadline: Date.now() + giveUpMs });
    stream.on('data', () => undefined);
    stream.on('error', () => undefined);
    stream.on('status', ({ code }: { code: status }) => resolve(status[code]));
    for (const message of messages) stream.write(message);
    if (end) stream.end();
  });
}

const right = `Bearer ${made.token}`;
const kinds: Readonly<Record<string, () => Promise<string>>> = {
  'random bytes': () => call(one(METHODS), [bytes(random.integer(300))], right),
  'wrong token': () =>
    call(
      one(METHODS),
      [Buffer.alloc(0)],
      one([undefined, 'Bearer x', `bearer ${made.token}`, `Bearer ${made.token}x`, `Basic ${made.token}`]),
    ),
  'path that leads out': () => {
    const spec = {
      policy: { model: world.config().policy.model },
      data: { train: { kind: { $case: 'path' as const, value: one(PATHS).replace('HOME', world.options.home) } } },
    };
    return call(
      METHODS.find((path) => path.endsWith('/CreateRun')) ?? '',
      [Buffer.from(CreateRunRequest.encode(CreateRunRequest.fromPartial({ spec })).finish())],
      right,
    );
  },
  'absurd values': () => {
    const request = CreateRunRequest.fromPartial({
      runId: one(['..', '../x', 'a/b', 'A', '-', 'x'.repeat(300), '\u202e', 'ok']),
      priority: one([0, 2 ** 31 - 1, -(2 ** 31)]),
      labels: { [one(['', 'k', '__proto__', 'x'.repeat(9999)])]: 'v' },
      spec: {
        training: {
          learningRate: one([Number.NaN, Number.POSITIVE_INFINITY, -1, 1e308]),
          batchSize: one([0, -5, 2 ** 50]),
        },
      },
    });
    return call(
      METHODS.find((path) => path.endsWith('/CreateRun')) ?? '',
      [Buffer.from(CreateRunRequest.encode(request).finish())],
      right,
    );
  },
  'left half-open': () =>
    call(one(METHODS), random.integer(2) === 0 ? [] : [bytes(20)], right, { end: false, giveUpMs: 300 }),
  'upload of nonsense': () =>
    call(
      METHODS.find((path) => path.endsWith('/UploadData')) ?? '',
      Array.from({ length: random.integer(5) }, () => bytes(2000)),
      right,
    ),
  'rude connection': () =>
    new Promise((resolve) => {
      const socket = connectSocket(port, '127.0.0.1');
      const nonsense = one([
        Buffer.alloc(0),
        bytes(200),
        Buffer.from('GET / HTTP/1.1\r\n\r\n'),
        Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), bytes(100)]),
      ]);
      socket.on('error', () => undefined);
      socket.on('close', () => resolve('closed'));
      socket.end(nonsense);
      setTimeout(() => socket.destroy(), 500).unref();
    }),
};

const before = memory();
let [largest, slowest, unanswered] = [before, 0, 0];
const started = performance.now();
for (let done = 0; done < calls;) {
  const batch = Math.min(50, calls - done);
  await Promise.all(
    Array.from({ length: batch }, async () => {
      const kind = one(Object.keys(kinds));
      count(kind, await (kinds[kind] as () => Promise<string>)());
    }),
  );
  done += batch;
  const asked = performance.now();
  await honest.info().catch(() => (unanswered += 1));
  slowest = Math.max(slowest, performance.now() - asked);
  largest = Math.max(largest, memory());
}
for (let i = 0; i < 20; i++) count('message of 17 MiB', await call(one(METHODS), [Buffer.alloc(17 * 2 ** 20)], right));
await sleep(1000);
const alive =
  child.exitCode === null &&
  (await honest.info().then(
    () => true,
    () => false,
  ));
const letIn = [...(outcomes.get('wrong token') ?? [])]
  .filter(([outcome]) => outcome !== 'UNAUTHENTICATED')
  .reduce((sum, [, n]) => sum + n, 0);
const table = [...outcomes]
  .map(([kind, kinds]) => `| ${kind} | ${[...kinds].map(([outcome, n]) => `${n} ${outcome}`).join(', ')} |`)
  .join('\n');
const text = `# Hostile calls on the service

${calls} calls, 50 at a time, seed ${seed}, in ${((performance.now() - started) / 1000).toFixed(0)} s on ${cpus().length} processors busy with other work. Made by
\`npm run bench -- service-hostile --calls ${calls} --seed ${seed}\`.

| kind | answers |
| --- | --- |
${table}

| what | figure |
| --- | --- |
| alive at the end | ${alive ? 'yes' : 'NO'} |
| wrong tokens let in | ${letIn} |
| honest calls without an answer | ${unanswered} |
| slowest honest answer | ${slowest.toFixed(0)} ms |
| memory (RSS) before, largest, after | ${before.toFixed(0)}, ${largest.toFixed(0)}, ${memory().toFixed(0)} MiB |
`;
writeFileSync(join(fileURLToPath(new URL('.', import.meta.url)), 'results/service-hostile.md'), text);
console.log(text);
honest.close();
client.close();
kill(child.pid);
world.remove();
