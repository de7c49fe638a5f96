/**
 * The service with many runs and many watchers, while a real run trains: how long GetRun and ListRuns take, when an event
 * reaches a watcher, and what the watchers cost the training.
 *
 *   npm run bench -- service [--runs 1000] [--events 1000000] [--watchers 200] [--steps 300]
 *
 * The clients are processes of their own, as they would be; all on this machine.
 */
import { fork } from 'node:child_process';
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
import {
  again,
  listening,
  processesOf,
  serviceWorld,
  startServiceProcess,
  type World,
} from '../test/service/support.js';

const argument = (name: string, fallback: number): number => {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? fallback : Number(process.argv[at + 1]);
};
const [runs, events, watchers, steps] = [
  argument('runs', 1000),
  argument('events', 1_000_000),
  argument('watchers', 200),
  argument('steps', 300),
];
const WATCH_PROCESSES = 2;
const LIVE = ['live-alone', 'live-watched'] as const;

if (process.send !== undefined && process.env['WATCH'] !== undefined) await watchers200(process.env['WATCH']);
else await benchmark();

/** The body of a process of watchers: sends what it has seen when the run has ended. */
async function watchers200(text: string): Promise<void> {
  const { address, id, count } = JSON.parse(text) as { address: string; id: string; count: number };
  const service = connect({ address });
  const delays: number[] = [];
  let lost = 0;
  await Promise.all(
    Array.from({ length: count }, async () => {
      let last = 0;
      for await (const event of service.watch(id)) {
        // What was there before the watch began has no delay.
        if (event.type === 'step') delays.push(Date.now() - event.time.getTime());
        lost += event.seq - last - 1;
        last = event.seq;
      }
    }),
  );
  service.close();
  process.send?.({ delays, lost });
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

async function benchmark(): Promise<void> {
  const world = serviceWorld();
  const address = `unix:${join(world.folder, 's')}`;
  Object.assign(world.options, { address });
  const log = (text: string): void => console.log(`${new Date().toISOString().slice(11, 19)} ${text}`);
  log(`${runs} runs with ${events} events are written`);
  populate(world);
  let started = performance.now();
  let child = startServiceProcess(world, 1);
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
    const config = world.config({ max_steps: steps, save_steps: 'off', eval_steps: steps });
    const seconds: Record<string, number> = {};
    let figures: { get: number[]; list: number[] } = { get: [], list: [] };
    let [delays, lost]: [number[], number] = [[], 0];
    for (const id of LIVE) {
      await again(() => service.create(config, { id }));
      const watching = id === 'live-watched';
      const processes = watching
        ? Array.from({ length: WATCH_PROCESSES }, () => watchersOf(address, id, watchers / WATCH_PROCESSES))
        : [];
      const asking = ask(service, id, watching);
      for await (const event of service.watch(id)) if (event.type === 'state') log(`${id}: ${event.state}`);
      const asked = await asking;
      if (watching) figures = asked;
      const seen = await Promise.all(processes);
      delays = seen.flatMap((part) => part.delays);
      lost = seen.reduce((sum, part) => sum + part.lost, 0);
      seconds[id] = medianStep((await service.get(id)).folder);
    }
    service.close();
    report({ indexing, restart, ...figures, delays, lost, seconds });
  } finally {
    for (const id of LIVE) for (const pid of processesOf(world, id)) kill(pid);
    kill(child.pid);
    world.remove();
  }
}

interface Seen {
  readonly delays: number[];
  readonly lost: number;
}

function watchersOf(address: string, id: string, count: number): Promise<Seen> {
  const env = { ...process.env, WATCH: JSON.stringify({ address, id, count }) };
  const child = fork(fileURLToPath(import.meta.url), [], { env, execArgv: ['--import', import.meta.resolve('tsx')] });
  return new Promise((resolve, reject) => {
    child.once('message', (seen) => resolve(seen as Seen));
    child.once('exit', (code) => reject(new Error(`watchers ended with ${code}`)));
  });
}

/** GetRun and ListRuns, in turn, twenty a second, until the run has ended. */
async function ask(service: RunsClient, id: string, measure: boolean): Promise<{ get: number[]; list: number[] }> {
  const get: number[] = [];
  const list: number[] = [];
  for (let state = 'PENDING'; !['SUCCEEDED', 'FAILED', 'CANCELLED'].includes(state);) {
    const begun = performance.now();
    ({ state } = await service.get(measure && get.length % 2 === 1 ? `kept-${get.length % runs}` : id));
    if (measure && get.length % 2 === 1) state = 'RUNNING';
    get.push(performance.now() - begun);
    const asked = performance.now();
    for await (const _ of service.list({ labels: { batch: '3' } })) break; // a page of 100
    list.push(performance.now() - asked);
    await sleep(100);
  }
  return { get, list };
}

function medianStep(folder: string): number {
  const lines = readFileSync(join(folder, 'metrics.jsonl'), 'utf8').trim().split('\n');
  const seconds = lines.flatMap((line) => {
    const { step_seconds: value } = JSON.parse(line) as { step_seconds?: number };
    return value === undefined ? [] : [value];
  });
  return quantile(seconds.slice(10), 0.5);
}

function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
}

interface Figures extends Seen {
  readonly indexing: number;
  readonly restart: number;
  readonly get: number[];
  readonly list: number[];
  readonly seconds: Readonly<Record<string, number>>;
}

function report({ indexing, restart, get, list, delays, lost, seconds }: Figures): void {
  const row = (what: string, values: readonly number[], goal: string): string =>
    `| ${what} | ${values.length} | ${quantile(values, 0.5).toFixed(1)} ms | ${quantile(values, 0.99).toFixed(1)} ms | ${goal} |`;
  const [alone = NaN, watched = NaN] = LIVE.map((id) => seconds[id]);
  const text = `# Many runs, many watchers

${runs} kept runs with ${events} events, ${watchers} watchers in ${WATCH_PROCESSES} processes on one run that trains (tiny Llama, ${steps} steps),
${cpus().length} processors, ${cpus()[0]?.model ?? ''}. Made by \`npm run bench -- service --runs ${runs} --events ${events} --watchers ${watchers} --steps ${steps}\`.

| what | number | p50 | p99 | goal (p99) |
| --- | --- | --- | --- | --- |
${row('GetRun', get, '50 ms')}
${row('ListRuns, a page of 100 by label', list, '50 ms')}
${row('event, from its being written to a watcher having it', delays, '100 ms')}

| what | figure |
| --- | --- |
| events lost by watchers | ${lost} |
| index made from the folders | ${indexing.toFixed(1)} s |
| started again with it | ${restart.toFixed(1)} s |
| median step without watchers | ${(1000 * alone).toFixed(2)} ms |
| median step with ${watchers} watchers | ${(1000 * watched).toFixed(2)} ms (${(100 * (watched / alone - 1)).toFixed(1)} %) |
`;
  writeFileSync(join(fileURLToPath(new URL('.', import.meta.url)), 'results/service.md'), text);
  console.log(text);
}
