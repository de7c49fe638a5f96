/**
 * The service with many runs and many watchers, while a real run trains: how long GetRun and ListRuns take, when an event
 * reaches a watcher, and what watchers and callers cost the training.
 *
 *   npm run bench -- service [--runs 1000] [--events 1000000] [--watchers 200] [--calls 10] [--blocks 31] [--seconds 12] [--batch 200]
 *
 * One run trains, with steps as long as those of real models are (a second and more). In turns of `seconds` it is left alone,
 * watched, watched while others ask (`calls` a second), so that a machine that changes its pace meanwhile changes it for all.
 * Watchers and callers are processes of their own, as they would be, but all on this machine, whose processors share caches
 * and memory with each other. What that costs is measured by itself: in some turns a plain loop that knows nothing of the
 * service uses half of a processor. The difference of two noisy paces is noisy; the cost of the loop, scaled to the processor
 * time that service and watchers used, is the second and steadier answer.
 */
import { fork, spawn, type ChildProcess } from 'node:child_process';
import { once, setMaxListeners } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { loadConfig } from '../src/config/index.js';
import { connect, type RunsClient } from '../src/service/client/connect.js';
import type { JournalLine } from '../src/service/journal/line.js';
import type { Order } from '../src/service/order.js';
import { kill } from '../test/runs/kill-run.js';
import { listening, processesOf, serviceWorld, startServiceProcess, type World } from '../test/service/support.js';

const argument = (name: string, fallback: number): number => {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? fallback : Number(process.argv[at + 1]);
};
const given = {
  runs: argument('runs', 1000),
  events: argument('events', 1_000_000),
  watchers: argument('watchers', 200),
  calls: argument('calls', 10),
  blocks: argument('blocks', 31),
  seconds: argument('seconds', 12),
  batch: argument('batch', 200),
};
const { runs, events, watchers, calls, blocks, seconds, batch } = given;
const WATCH_PROCESSES = 2;
const LIVE = 'live';
/** Of each turn, the beginning does not count: watchers come and read what they have missed. */
const SETTLING_MS = 2000;
const TICKS_PER_SECOND = 100;
/** Of a processor, for the plain loop. */
const LOOP_SHARE = 0.5;

/** What a process of watchers has seen. */
interface Seen {
  /** Milliseconds from the writing of an event to a watcher having it. */
  readonly delays: number[];
  readonly lost: number;
  readonly events: number;
}

/** The body of a process of watchers: "watch", "leave" and "tell" are what it is told. */
async function watchWhenTold(text: string): Promise<void> {
  const { address, count } = JSON.parse(text) as { address: string; count: number };
  const service = connect({ address });
  const last = new Array<number>(count).fill(0);
  const seen = { delays: [] as number[], lost: 0, events: 0 };
  let leave = new AbortController();
  let watching: Promise<unknown> = Promise.resolve();
  const watch = async (number: number): Promise<void> => {
    const begun = Date.now() + SETTLING_MS;
    for await (const event of service.watch(LIVE, { afterSeq: last[number], signal: leave.signal })) {
      const delay = Date.now() - event.time.getTime();
      if (event.time.getTime() > begun) seen.delays.push(delay);
      seen.lost += event.seq - (last[number] ?? 0) - 1;
      seen.events += 1;
      last[number] = event.seq;
    }
  };
  process.on('message', (told) => {
    if (told === 'watch') {
      leave = new AbortController();
      setMaxListeners(0, leave.signal);
      watching = Promise.allSettled(last.map((_, number) => watch(number)));
    } else if (told === 'leave') {
      leave.abort();
    } else {
      void watching.then(() => {
        service.close();
        process.send?.(seen);
        process.disconnect();
      });
    }
  });
  process.send?.('here');
}

/** Finished runs as the service would have left them, `events` lines in all. */
function populate(world: World): void {
  const { config, hash } = loadConfig({ object: world.config(), env: {} });
  const each = Math.floor(events / runs);
  const step = (number: number): JournalLine => ({
    at: 1_790_000_000_000 + number,
    type: 'step',
    step: number,
    totalSteps: each,
    epoch: number / each,
    measures: {
      loss: 0.69,
      'rewards/accuracies': 0.5,
      'rewards/margins': 0.01,
      'logps/chosen': -120.5,
      'logps/rejected': -130.25,
    },
    learningRate: 1e-5,
    gradNorm: 0.7,
    skipped: false,
    pairs: 8,
    tokens: 4000,
    microBatches: 1,
    seconds: 0.5,
    deviceSeconds: 0.4,
    peakMemoryBytes: 2e9,
    etaSeconds: 10,
  });
  const lines: readonly JournalLine[] = [
    { at: 1, type: 'ordered', actor: 'bench' },
    { at: 2, type: 'attempt', attempt: 1, backend: 'embedded' },
    { at: 3, type: 'stage', stage: 'train' },
    ...Array.from({ length: each - 4 }, (_, i) => step(i + 1)),
    { at: 4, type: 'ended', outcome: 'succeeded' },
  ];
  const journal = lines.map((line) => `${JSON.stringify(line)}\n`).join('');
  for (let i = 0; i < runs; i++) {
    const id = `kept-${i}`;
    const folder = join(world.options.home, 'runs', id);
    mkdirSync(folder, { recursive: true });
    const by = { tenant: `t${i % 7}`, createdBy: 'bench', labels: { batch: String(i % 10) }, priority: 0 };
    const order: Order = { format: 1, id, createdAt: i, specHash: hash, spec: world.config(), resolved: config, ...by };
    writeFileSync(join(folder, 'order.json'), JSON.stringify(order));
    writeFileSync(join(folder, 'journal.jsonl'), journal);
  }
}

/** Uses the given share of a processor, in pieces of 10 ms. */
const LOOP = `
const share = Number(process.argv[1]);
const turn = () => {
  const until = performance.now() + 10 * share;
  while (performance.now() < until);
  setTimeout(turn, 10 * (1 - share));
};
turn();
`;

const TURNS = ['alone', 'watched', 'alone', 'loop', 'alone', 'asked'] as const;

/** `asked`: watched, while others ask. */
type Kind = (typeof TURNS)[number];

/** One turn of the run that trains. */
interface Block {
  readonly kind: Kind;
  readonly from: number;
  readonly to: number;
  readonly used: Used;
}

/** Processor time, in seconds or as a share of one processor. */
interface Used {
  readonly service: number;
  readonly watchers: number;
  /** Of GetRun and ListRuns. */
  readonly callers: number;
}

async function benchmark(): Promise<void> {
  const world = serviceWorld();
  const address = `unix:${join(world.folder, 's')}`;
  Object.assign(world.options, { address });
  const log = (text: string): void => console.log(`${new Date().toISOString().slice(11, 19)} ${text}`);
  log(`${runs} runs with ${events} events are written`);
  populate(world);
  let started = performance.now();
  let child = startServiceProcess(world, 1);
  const watching: ChildProcess[] = [];
  try {
    await listening(child);
    const indexing = (performance.now() - started) / 1000;
    log(`indexed from the folders in ${indexing.toFixed(1)} s`);
    kill(child.pid);
    started = performance.now();
    child = startServiceProcess(world, 1);
    await listening(child);
    const restart = (performance.now() - started) / 1000;
    log(`started again in ${restart.toFixed(1)} s`);
    const service = connect({ address });
    const config = world.config({ max_steps: 1_000_000, epochs: 1_000_000, save_steps: 'off', eval_steps: 1_000_000 });
    const training = { ...config.training, batch_size: batch };
    await service.create({ ...config, data: { ...config.data, train: manyPairs(world) }, training }, { id: LIVE });
    for await (const event of service.watch(LIVE)) {
      if (event.type === 'state') log(`the run is ${event.state}`);
      if (event.type === 'step' && event.step > 10) break;
    }
    watching.push(...Array.from({ length: WATCH_PROCESSES }, () => watchersAt(address, watchers / WATCH_PROCESSES)));
    await Promise.all(watching.map((one) => once(one, 'message'))); // each says that it is there
    const asked: Asked = { get: [], list: [] };
    const past: Block[] = [];
    const usedBy = (): Used => ({
      service: processorSeconds(child.pid),
      watchers: sum(watching.map(({ pid }) => processorSeconds(pid))),
      callers: sum(Object.values(process.cpuUsage())) / 1e6,
    });
    for (let number = 0; number < blocks; number++) {
      const kind = TURNS[number % TURNS.length] ?? 'alone';
      const loop = kind === 'loop' ? spawn(process.execPath, ['-e', LOOP, String(LOOP_SHARE)]) : undefined;
      if (kind === 'watched' || kind === 'asked') for (const one of watching) one.send('watch');
      const asking = kind === 'asked' ? ask(service, seconds, asked) : undefined;
      await sleep(SETTLING_MS);
      const [from, before] = [Date.now(), usedBy()];
      await (asking ?? sleep(1000 * seconds - SETTLING_MS));
      const [to, after] = [Date.now(), usedBy()];
      const share = (who: keyof Used): number => (1000 * (after[who] - before[who])) / (to - from);
      const used = { service: share('service'), watchers: share('watchers'), callers: share('callers') };
      past.push({ kind, from, to, used });
      for (const one of watching) one.send('leave');
      kill(loop?.pid);
      log(`turn ${number + 1} of ${blocks}: ${kind}, the service used ${percent(used.service)}`);
    }
    const seen = await Promise.all(watching.map((one) => heard(one)));
    const steps = stepsOf(join(world.options.home, 'runs', LIVE, 'journal.jsonl'));
    service.close();
    report({ indexing, restart, asked, past, seen, steps });
  } finally {
    for (const one of watching) kill(one.pid);
    for (const pid of processesOf(world, LIVE)) kill(pid);
    kill(child.pid);
    world.remove();
  }
}

/** Pairs enough for a batch of its own at every step. */
function manyPairs(world: World): string {
  const path = join(world.folder, 'many.jsonl');
  const lines = readFileSync(world.data, 'utf8').trim().split('\n');
  const more = Array.from({ length: 16 }, (_, i) => lines.map((line) => line.replaceAll('two', `two and ${i}`)));
  writeFileSync(path, `${more.flat().join('\n')}\n`);
  return path;
}

function watchersAt(address: string, count: number): ChildProcess {
  const env = { ...process.env, WATCH: JSON.stringify({ address, count }) };
  return fork(fileURLToPath(import.meta.url), [], { env, execArgv: ['--import', import.meta.resolve('tsx')] });
}

function heard(watching: ChildProcess): Promise<Seen> {
  return new Promise((resolve, reject) => {
    watching.once('message', (seen) => resolve(seen as Seen));
    watching.once('exit', (code) => reject(new Error(`watchers ended with ${code}`)));
    watching.send('tell');
  });
}

interface Asked {
  readonly get: number[];
  readonly list: number[];
}

/** GetRun and ListRuns, in turn, `calls` a second. */
async function ask(service: RunsClient, forSeconds: number, { get, list }: Asked): Promise<void> {
  for (const until = Date.now() + 1000 * forSeconds; Date.now() < until;) {
    const begun = performance.now();
    await service.get(get.length % 2 === 1 ? `kept-${get.length % runs}` : LIVE);
    get.push(performance.now() - begun);
    await sleep(1000 / calls);
    const asked = performance.now();
    for await (const _ of service.list({ labels: { batch: '3' } })) break; // a page of 100
    list.push(performance.now() - asked);
    await sleep(1000 / calls);
  }
}

/** Processor time of a process so far, in seconds. */
function processorSeconds(pid: number | undefined): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

interface StepTime {
  readonly at: number;
  /** Since the step before it. */
  readonly ms: number;
}

function stepsOf(journal: string): StepTime[] {
  const lines = readFileSync(journal, 'utf8').trim().split('\n');
  const at = lines
    .map((line) => JSON.parse(line) as JournalLine)
    .flatMap((line) => (line.type === 'step' ? [line.at] : []));
  return at.slice(1).map((end, i) => ({ at: end, ms: end - (at[i] ?? end) }));
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}

function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
}

interface Figures {
  readonly indexing: number;
  readonly restart: number;
  readonly asked: Asked;
  readonly past: readonly Block[];
  readonly seen: readonly Seen[];
  readonly steps: readonly StepTime[];
}

/** How much longer a step took in turns of one kind. */
interface Slower {
  readonly by: number;
  /** Standard error. */
  readonly error: number;
  readonly turns: number;
}

const slowerText = ({ by, error, turns }: Slower): string =>
  `${percent(by)}, standard error ${percent(error)} (${turns} turns, each against its neighbours)`;

function report({ indexing, restart, asked: calls, past, seen, steps }: Figures): void {
  const row = (what: string, values: readonly number[], goal: string): string =>
    `| ${what} | ${values.length} | ${quantile(values, 0.5).toFixed(1)} ms | ${quantile(values, 0.99).toFixed(1)} ms | ${goal} |`;
  const timesOf = ({ from, to }: Block): number[] =>
    steps.flatMap(({ at, ms }) => (at - ms >= from && at <= to ? [ms] : []));
  const mean = (values: readonly number[]): number => sum(values) / values.length;
  const of = (kind: Kind): Block[] => past.filter((block) => block.kind === kind);
  const [alone, watched] = [of('alone'), of('watched')];
  const [without, withThem] = [alone.flatMap(timesOf), watched.flatMap(timesOf)];
  // Each such turn against those that were left alone before and behind it, as far as there are.
  const slower = (kind: Kind): Slower => {
    const ratios = past.flatMap((block, i) => {
      if (block.kind !== kind) return [];
      const beside = [past[i - 1], past[i + 1]].filter((one) => one !== undefined).map((one) => mean(timesOf(one)));
      return [mean(timesOf(block)) / mean(beside) - 1];
    });
    const spread = Math.sqrt(sum(ratios.map((one) => (one - mean(ratios)) ** 2)) / (ratios.length - 1));
    return { by: mean(ratios), error: spread / Math.sqrt(ratios.length), turns: ratios.length };
  };
  const used = (who: keyof Used, blocksOf = watched): number => mean(blocksOf.map((block) => block.used[who]));
  const inAll = used('service') + used('watchers');
  const asked = of('asked');
  const [measured, loop] = [slower('watched'), slower('loop')];
  const scaled = inAll / LOOP_SHARE;
  const command = Object.entries(given).map(([name, value]) => `--${name} ${value}`);
  const text = `# Many runs, many watchers

${runs} kept runs with ${events} events; one run trains (tiny Llama, ${batch} pairs a step), ${watchers} watchers in ${WATCH_PROCESSES} processes, GetRun and
ListRuns ${given.calls} times a second in some of the turns of ${seconds} s. ${cpus().length} processors, ${cpus()[0]?.model ?? ''}. Made by
\`npm run bench -- service ${command.join(' ')}\`.

| what | number | p50 | p99 | goal (p99) |
| --- | --- | --- | --- | --- |
${row('GetRun', calls.get, '50 ms')}
${row('ListRuns, a page of 100 by label', calls.list, '50 ms')}
${row(
  'event, from its being written to a watcher having it',
  seen.flatMap(({ delays }) => delays),
  '100 ms',
)}

| what | figure |
| --- | --- |
| events that watchers got; lost or doubled | ${sum(seen.map((one) => one.events))}; ${sum(seen.map(({ lost }) => Math.abs(lost)))} |
| index made from the folders | ${indexing.toFixed(1)} s |
| started again with it | ${restart.toFixed(1)} s |
| step without watchers and callers, mean (median) | ${mean(without).toFixed(0)} ms (${quantile(without, 0.5).toFixed(0)}), ${without.length} steps |
| step with ${watchers} watchers, mean (median) | ${mean(withThem).toFixed(0)} ms (${quantile(withThem, 0.5).toFixed(0)}), ${withThem.length} steps |
| of one processor, the service uses with and without | ${percent(used('service'))}, ${percent(used('service', alone))} |
| of one processor, the watchers use | ${percent(used('watchers'))} |
| while others ask: of one processor, service, watchers, callers use | ${percent(used('service', asked))}, ${percent(used('watchers', asked))}, ${percent(used('callers', asked))} |
| training slower by, watched against alone (goal 1 %) | ${slowerText(measured)} |
| beside a plain loop that uses ${percent(LOOP_SHARE)} of a processor | ${slowerText(loop)} |
| training slower by, the loop's cost scaled to ${percent(inAll)} of a processor | ${percent(loop.by * scaled)}, standard error ${percent(loop.error * scaled)} |
`;
  writeFileSync(join(fileURLToPath(new URL('.', import.meta.url)), 'results/service.md'), text);
  console.log(text);
}

if (process.send !== undefined && process.env['WATCH'] !== undefined) await watchWhenTold(process.env['WATCH']);
else await benchmark();
