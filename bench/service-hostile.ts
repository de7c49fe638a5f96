/**
 * Malformed and hostile calls on a real service with tokens, and whether it minds: frames of random bytes, absurd values,
 * wrong and missing tokens, paths that lead out, messages that are too large, readers that do not read, streams that are
 * left half-open, connections that say nothing or nonsense. Between them, an honest caller asks and must be answered.
 *
 *   npm run bench -- service-hostile [--calls 10000] [--seed 1]
 *
 * At each fifth of the calls, when all who were left hanging are gone, the service collects its garbage and says what it
 * still holds: what it does not let go of would grow from fifth to fifth. It is a process of its own, with less patience
 * than by default so that this is soon.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { seededRandom } from '../src/core/random.js';
import { makeToken } from '../src/service/access/tokens.js';
import { connect } from '../src/service/client/connect.js';
import { serviceHome } from '../src/service/home.js';
import { openJournal } from '../src/service/journal/append.js';
import { startService, type ServeOptions } from '../src/service/serve.js';
import { kill } from '../test/runs/kill-run.js';
import { anOrder } from '../test/service/an-order.js';
import { serviceWorld } from '../test/service/support.js';
import { hostileCalls } from './hostile/calls.js';

const argument = (name: string, fallback: number): number => {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? fallback : Number(process.argv[at + 1]);
};
const [calls, seed] = [argument('calls', 10_000), argument('seed', 1)];
const FIFTHS = 5;
const AT_ONCE = 50;
const MIB = 2 ** 20;
const PATIENCE = { firstCallMs: 2000, nextMessageMs: 1000, slowReaderMs: 1000 };

/** What the service holds, in MiB: objects of JavaScript, buffers, and the process as a whole. */
interface Held {
  readonly heap: number;
  readonly buffers: number;
  readonly rss: number;
}

/** The body of the process of the service: says where it listens, and what it holds: now, or behind a collection. */
async function serveHere(text: string): Promise<void> {
  const options = JSON.parse(text) as ServeOptions;
  const { address } = await startService({ ...options, backends: [], patience: PATIENCE });
  process.once('disconnect', () => process.exit());
  process.on('message', (what) => {
    for (let i = 0; i < 3 && what === 'collected'; i++) globalThis.gc?.();
    const { heapUsed, external, rss } = process.memoryUsage();
    process.send?.({ heap: heapUsed / MIB, buffers: external / MIB, rss: rss / MIB } satisfies Held);
  });
  process.send?.(address);
}

const heard = <T>(child: ChildProcess): Promise<T> =>
  new Promise((resolve) => child.once('message', (told) => resolve(told as T)));

function heldBy(child: ChildProcess, what: 'now' | 'collected'): Promise<Held> {
  child.send(what);
  return heard<Held>(child);
}

/** A run with many events and a long log, for those who ask and do not read. */
function writeRun(path: string): string {
  const home = serviceHome(path).run('kept');
  mkdirSync(home.path, { recursive: true });
  writeFileSync(home.order, JSON.stringify(anOrder('kept')));
  writeFileSync(home.log, 'x'.repeat(8 * MIB));
  const journal = openJournal(home.journal);
  journal.append({ type: 'ordered', actor: 'bench' });
  for (let i = 0; i < 5000; i++) journal.append({ type: 'note', message: 'x'.repeat(300) });
  journal.close();
  return home.id;
}

async function benchmark(): Promise<void> {
  const world = serviceWorld();
  const made = makeToken('run', 'fuzz', 'fuzz');
  writeFileSync(join(world.folder, 'tokens'), `${made.line}\n`);
  const run = writeRun(world.options.home);
  const child = fork(fileURLToPath(import.meta.url), [], {
    env: { ...process.env, HOSTILE: JSON.stringify({ ...world.options, tokens: join(world.folder, 'tokens') }) },
    execArgv: ['--expose-gc', '--import', import.meta.resolve('tsx')],
  });
  const address = await heard<string>(child);
  const honest = connect({ address, token: made.token });
  const random = seededRandom(seed);
  const hostile = hostileCalls({
    address,
    token: made.token,
    run,
    random,
    model: world.config().policy.model,
    forbidden: [
      '/etc/passwd',
      '../../../../etc/shadow',
      '/proc/self/environ',
      'a\0b',
      '~/.ssh/id_rsa',
      `/${'x'.repeat(5000)}`,
      `${world.options.home}/order.json`,
    ],
  });
  const outcomes = new Map<string, Map<string, number>>();
  const count = (kind: string, outcome: string): void => {
    const ofKind = outcomes.get(kind) ?? new Map<string, number>();
    outcomes.set(kind, ofKind.set(outcome, (ofKind.get(outcome) ?? 0) + 1));
  };
  const { kinds, lasting } = hostile;
  const names = [...Object.keys(kinds), ...Object.keys(lasting)];
  const hanging = new Set<Promise<void>>();
  const hostileCall = async (): Promise<void> => {
    const kind = names[random.integer(names.length)] as string;
    const ended = (kinds[kind] ?? lasting[kind] ?? fail)().then((outcome) => count(kind, outcome));
    if (kinds[kind] !== undefined) return ended;
    hanging.add(ended);
    void ended.then(() => hanging.delete(ended));
  };

  const held: Held[] = [await heldBy(child, 'collected')];
  let [largest, slowest, unanswered] = [held[0] as Held, 0, 0];
  const started = performance.now();
  for (let done = 0, fifth = 1; done < calls;) {
    const batch = Math.min(AT_ONCE, calls - done);
    await Promise.all(Array.from({ length: batch }, hostileCall));
    done += batch;
    const asked = performance.now();
    await honest.info().catch(() => (unanswered += 1));
    slowest = Math.max(slowest, performance.now() - asked);
    const now = await heldBy(child, 'now');
    if (now.rss > largest.rss) largest = now;
    if (done < (fifth * calls) / FIFTHS) continue;
    fifth += 1;
    for (let i = 0; i < 4; i++) count('message of 17 MiB', await hostile.large(17 * MIB));
    await Promise.all(hanging);
    await sleep(500);
    held.push(await heldBy(child, 'collected'));
    console.log(`${done} calls: ${text(held.at(-1) as Held)}`);
  }
  const alive = child.exitCode === null && (await honest.info().then(yes, no));
  const letIn = [...(outcomes.get('wrong token') ?? [])]
    .filter(([outcome]) => outcome !== 'UNAUTHENTICATED')
    .reduce((sum, [, n]) => sum + n, 0);
  const seconds = (performance.now() - started) / 1000;
  report(outcomes, [
    ['alive at the end', alive ? 'yes' : 'NO'],
    ['wrong tokens let in', `${letIn}`],
    ['honest calls without an answer', `${unanswered}`],
    ['slowest honest answer', `${slowest.toFixed(0)} ms`],
    ['in all', `${seconds.toFixed(0)} s`],
    ...held.map((one, i): [string, string] => [`held after ${(i * calls) / FIFTHS} calls, collected`, text(one)]),
    ['held at most, not collected', text(largest)],
  ]);
  honest.close();
  hostile.close();
  kill(child.pid);
  world.remove();
}

const yes = (): boolean => true;
const no = (): boolean => false;
const fail = (): never => {
  throw new Error('there is no such kind');
};
const text = ({ heap, buffers, rss }: Held): string =>
  `heap ${heap.toFixed(1)}, buffers ${buffers.toFixed(1)}, process ${rss.toFixed(0)} MiB`;

function report(
  outcomes: ReadonlyMap<string, ReadonlyMap<string, number>>,
  figures: readonly [string, string][],
): void {
  const rows = [...outcomes].map(
    ([kind, ofKind]) => `| ${kind} | ${[...ofKind].map(([outcome, n]) => `${n} ${outcome}`).join(', ')} |`,
  );
  const table = `# Hostile calls on the service

${calls} calls, ${AT_ONCE} at a time, seed ${seed}, on ${cpus().length} processors. Made by
\`npm run bench -- service-hostile --calls ${calls} --seed ${seed}\`.

| kind | answers |
| --- | --- |
${rows.join('\n')}

| what | figure |
| --- | --- |
${figures.map((row) => `| ${row.join(' | ')} |`).join('\n')}
`;
  writeFileSync(join(fileURLToPath(new URL('.', import.meta.url)), 'results/service-hostile.md'), table);
  console.log(table);
}

if (process.send !== undefined && process.env['HOSTILE'] !== undefined) await serveHere(process.env['HOSTILE']);
else await benchmark();
