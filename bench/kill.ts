/**
 * Real runs (tiny Llama, dropout, three references, weights that learn, evaluations in between) are killed again and again
 * at random instants: Node, the embedded Python, or both; while they start, score, train, write a checkpoint, go on or
 * export. Each final adapter must be the same bytes as that of a run that nobody disturbed, metrics.jsonl the same lines
 * but for times, and nothing may be left behind.
 *
 *   npm run bench -- kill [--runs 100] [--kills-a-run 3] [--seed 1] [--minutes 90]
 */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { seededRandom } from '../src/core/random.js';
import {
  descendantsOf,
  isRunning,
  kill,
  leftovers,
  resultOf,
  startAttempt,
  writeKillRun,
  type Attempt,
  type KillResult,
} from '../test/runs/kill-run.js';

const STEPS = 40;
const SAVE_STEPS = 3;
const VICTIMS = ['node', 'python', 'both'] as const;
/** What a kill waits for, before a random pause: nothing, a step, a checkpoint that is being written, a run that goes on. */
const AIMS = ['any moment', 'a step', 'a checkpoint', 'going on'] as const;
type Victim = (typeof VICTIMS)[number];
type Aim = (typeof AIMS)[number];

interface Campaign {
  readonly weights: 'swcw' | 'tsw';
  readonly kills: Record<Victim, number>;
  readonly aims: Record<Aim, number>;
  /** By the part of the run that was at work. */
  readonly stages: Map<string, number>;
  /** Processes started. */
  attempts: number;
  /** Attempts that gave up with a reason, as their Python was killed again and again at one step. */
  gaveUp: number;
  runs: number;
  equalAdapters: number;
  equalMetrics: number;
  orphans: number;
  leftovers: number;
}

const killsOf = ({ kills }: Campaign): number => kills.node + kills.python + kills.both;
const random = { of: seededRandom(1) };

/** Writes the table after each run, so that a benchmark that is cut short leaves what it has seen. */
async function benchmark(argv: readonly string[]): Promise<void> {
  const number = (name: string, fallback: number): number => {
    const at = argv.indexOf(`--${name}`);
    return at < 0 ? fallback : Number(argv[at + 1]);
  };
  const [wanted, most] = [number('runs', 100), number('kills-a-run', 3)];
  const [seed, minutes] = [number('seed', 1), number('minutes', Infinity)];
  random.of = seededRandom(seed);
  const begun = Date.now();
  const campaigns: Campaign[] = [];
  for (const weights of ['swcw', 'tsw'] as const) {
    const folder = mkdtempSync(join(tmpdir(), 'mrpo-bench-kill-'));
    try {
      const started = performance.now();
      const undisturbed = await quietRun(folder, weights);
      const seconds = (performance.now() - started) / 1000;
      const campaign: Campaign = {
        weights,
        kills: { node: 0, python: 0, both: 0 },
        aims: { 'any moment': 0, 'a step': 0, 'a checkpoint': 0, 'going on': 0 },
        stages: new Map(),
        ...{ attempts: 0, gaveUp: 0, runs: 0, equalAdapters: 0, equalMetrics: 0, orphans: 0, leftovers: 0 },
      };
      campaigns.push(campaign);
      const end = begun + (campaigns.length / 2) * minutes * 60_000;
      while (campaign.runs < wanted / 2 && Date.now() < end) {
        await killedRun(folder, campaign, seconds, 1 + random.of.integer(most));
        compare(folder, campaign, undisturbed);
        writeFileSync(join(import.meta.dirname, 'results/kill.md'), table(campaigns, seed));
        console.log(table(campaigns, seed));
      }
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }
}

/** A run from the start, with a cold cache; what a process leaves in the folder for temporary files stays. */
function freshRun(folder: string, weights: Campaign['weights']): void {
  for (const name of ['run', 'cache']) rmSync(join(folder, name), { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  writeKillRun(folder, { steps: STEPS, saveSteps: SAVE_STEPS, weights });
}

async function quietRun(folder: string, weights: Campaign['weights']): Promise<KillResult> {
  freshRun(folder, weights);
  const attempt = startAttempt(folder);
  if ((await attempt.ended) !== 0) throw new Error(`the undisturbed run failed:\n${attempt.output()}`);
  return resultOf(folder);
}

/** One run that is killed so many times, if it does not come to its end before. */
async function killedRun(folder: string, campaign: Campaign, seconds: number, kills: number): Promise<void> {
  freshRun(folder, campaign.weights);
  let left = kills;
  for (;;) {
    const attempt = startAttempt(folder);
    campaign.attempts += 1;
    const killed = { node: false, times: 0 };
    while (!killed.node && left > 0) {
      const aim = pick(AIMS);
      if (!(await hit(folder, attempt, aim, seconds))) break; // it has ended
      const family = descendantsOf(attempt.process.pid ?? -1);
      const python = attempt.python();
      const victim = python === undefined ? 'node' : pick(VICTIMS);
      campaign.stages.set(stageOf(folder), (campaign.stages.get(stageOf(folder)) ?? 0) + 1);
      if (victim !== 'node') kill(python);
      if (victim !== 'python') kill(attempt.process.pid);
      campaign.kills[victim] += 1;
      campaign.aims[aim] += 1;
      killed.node = victim !== 'python';
      killed.times += 1;
      left -= 1;
      if (killed.node) for (const pid of family) campaign.orphans += (await outlives(pid)) ? 1 : 0;
    }
    const family = descendantsOf(attempt.process.pid ?? -1);
    const code = await attempt.ended;
    for (const pid of family) campaign.orphans += (await outlives(pid)) ? 1 : 0;
    if (code === 0) return;
    if (code === 1 && killed.times === 0) throw new Error(`an attempt failed by itself:\n${attempt.output()}`);
    if (code === 1) campaign.gaveUp += 1;
  }
}

/** Waits for what is aimed at, and a random moment more. @returns false if the attempt has ended by itself. */
async function hit(folder: string, attempt: Attempt, aim: Aim, seconds: number): Promise<boolean> {
  let over = false;
  void attempt.ended.then(() => (over = true));
  const until = async (seen: () => boolean): Promise<void> => {
    while (!over && !seen()) await sleep(aim === 'a checkpoint' ? 3 : 20);
  };
  const [lines, attempts] = [linesOf(folder), attemptsOf(folder)];
  const [wait, ms] = {
    'any moment': [() => true, seconds * 1000],
    'a step': [() => linesOf(folder) !== lines, seconds * 40],
    'a checkpoint': [() => isWriting(folder), 40],
    'going on': [() => attemptsOf(folder) > attempts, seconds * 500],
  }[aim] as [() => boolean, number];
  // What is aimed at may never come: a run that has no checkpoint to write any more, or that nobody killed before.
  await Promise.race([until(wait), sleep(seconds * 2000)]);
  for (const stop = performance.now() + random.of.next() * ms; !over && performance.now() < stop;) await sleep(2);
  return !over;
}

function compare(folder: string, campaign: Campaign, undisturbed: KillResult): void {
  const result = resultOf(folder);
  campaign.runs += 1;
  if (result.adapter.equals(undisturbed.adapter)) campaign.equalAdapters += 1;
  const lines = (of: KillResult): string => [...of.metrics, of.heldOut, of.samples].join('\n');
  if (lines(result) === lines(undisturbed)) campaign.equalMetrics += 1;
  const left = leftovers(folder);
  campaign.leftovers += left.length;
  if (left.length > 0) console.log(`left behind: ${left.join(', ')}`);
}

function pick<T>(choices: readonly T[]): T {
  return choices[random.of.integer(choices.length)] as T;
}

function read(folder: string, file: string): string {
  try {
    return readFileSync(join(folder, 'run', file), 'utf8');
  } catch {
    return '';
  }
}

const linesOf = (folder: string): number => read(folder, 'metrics.jsonl').length;

function recordOf(folder: string): { readonly stage?: string; readonly attempts?: readonly unknown[] } {
  return JSON.parse(read(folder, 'run.json') || '{}') as ReturnType<typeof recordOf>;
}

const stageOf = (folder: string): string => recordOf(folder).stage ?? 'start';
const attemptsOf = (folder: string): number => recordOf(folder).attempts?.length ?? 0;

function isWriting(folder: string): boolean {
  try {
    return readdirSync(join(folder, 'run/checkpoints')).some((name) => name.startsWith('.writing'));
  } catch {
    return false;
  }
}

/** Whether a process is there still when it has had time enough to end; one that only waits to be reaped is not. */
async function outlives(pid: number): Promise<boolean> {
  for (let tries = 0; tries < 300 && isRunning(pid); tries++) await sleep(100);
  return isRunning(pid);
}

function table(campaigns: readonly Campaign[], seed: number): string {
  const stages = [...new Set(campaigns.flatMap((campaign) => [...campaign.stages.keys()]))];
  const total = campaigns.reduce((sum, campaign) => sum + killsOf(campaign), 0);
  const row = (cells: readonly (string | number)[]): string => `| ${cells.join(' | ')} |`;
  const tableOf = (head: readonly string[], rows: readonly (readonly (string | number)[])[]): string[] => [
    row(head),
    row(head.map(() => '---')),
    ...rows.map(row),
    '',
  ];
  return [
    '# SIGKILL at random instants',
    '',
    `Tiny Llama, LoRA with dropout, three references, ${STEPS} steps, a checkpoint every ${SAVE_STEPS}, an evaluation every 5; seed ${seed};`,
    `${cpus().length} processors, ${cpus()[0]?.model ?? 'unknown'}. A run is killed again and again, and started again where Node was killed, until it`,
    'ends; its result is compared byte for byte with that of a run that nobody disturbed. Where only Python was killed the',
    'run goes on by itself. Made by `npm run bench -- kill`.',
    '',
    `**${total} kills.**`,
    '',
    ...tableOf(
      ['weights', 'kills', 'of Node', 'of Python', 'of both', ...AIMS.map((aim) => `at ${aim}`)],
      campaigns.map((c) => [
        ...[c.weights, killsOf(c), c.kills.node, c.kills.python, c.kills.both],
        ...AIMS.map((aim) => c.aims[aim]),
      ]),
    ),
    ...tableOf(
      ['weights', ...stages.map((stage) => `in ${stage}`)],
      campaigns.map((c) => [c.weights, ...stages.map((stage) => c.stages.get(stage) ?? 0)]),
    ),
    ...tableOf(
      [
        ...['weights', 'processes', 'gave up with a reason', 'runs', 'adapters equal'],
        ...['metrics, held-out, samples equal', 'orphans', 'left behind'],
      ],
      campaigns.map((c) => [
        ...[c.weights, c.attempts, c.gaveUp, c.runs, `${c.equalAdapters} of ${c.runs}`],
        ...[`${c.equalMetrics} of ${c.runs}`, c.orphans, c.leftovers],
      ]),
    ),
  ].join('\n');
}

await benchmark(process.argv.slice(2));
