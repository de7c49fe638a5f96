/**
 * A real run (tiny Llama, dropout, three references, weights that learn, evaluations in between) is killed again and again
 * at random instants: Node, the embedded Python, or both; while it starts, trains, writes a checkpoint, goes on or exports.
 * The final adapter must be the same bytes as that of a run that nobody disturbed, metrics.jsonl the same lines but for
 * times, and nothing may be left behind.
 *
 *   npm run bench -- kill [--kills 100] [--seed 1] [--minutes 30]
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { seededRandom } from '../src/core/random.js';
import { readRun } from '../src/runs/index.js';
import { kill, leftovers, resultOf, startAttempt, writeKillRun, type KillResult } from '../test/runs/kill-run.js';

const VICTIMS = ['node', 'python', 'both'] as const;
type Victim = (typeof VICTIMS)[number];

interface Campaign {
  readonly weights: 'swcw' | 'tsw';
  readonly kills: Record<Victim, number>;
  /** By the part of the run that was at work. */
  readonly stages: Map<string, number>;
  attempts: number;
  runs: number;
  equalAdapters: number;
  equalMetrics: number;
  orphans: number;
  leftovers: number;
}

const STEPS = 40;

/** Writes the table after each run, so that a benchmark that is cut short leaves what it has seen. */
async function benchmark(argv: readonly string[]): Promise<void> {
  const number = (name: string, fallback: number): number => {
    const at = argv.indexOf(`--${name}`);
    return at < 0 ? fallback : Number(argv[at + 1]);
  };
  const [wanted, seed, minutes] = [number('kills', 100), number('seed', 1), number('minutes', Infinity)];
  const random = seededRandom(seed);
  const begun = Date.now();
  const campaigns: Campaign[] = [];
  for (const weights of ['swcw', 'tsw'] as const) {
    const undisturbed = await quietRun(weights);
    const campaign: Campaign = {
      weights,
      kills: { node: 0, python: 0, both: 0 },
      stages: new Map(),
      ...{ attempts: 0, runs: 0, equalAdapters: 0, equalMetrics: 0, orphans: 0, leftovers: 0 },
    };
    campaigns.push(campaign);
    const share = campaigns.length / 2;
    while (killsOf(campaign) < wanted / 2 && Date.now() - begun < share * minutes * 60_000) {
      await killedRun(campaign, undisturbed, random, wanted / 2);
      writeFileSync(join(import.meta.dirname, 'results/kill.md'), table(campaigns, seed));
      console.log(table(campaigns, seed));
    }
  }
}

const killsOf = ({ kills }: Campaign): number => kills.node + kills.python + kills.both;

interface Quiet extends KillResult {
  readonly seconds: number;
}

async function quietRun(weights: Campaign['weights']): Promise<Quiet> {
  const folder = mkdtempSync(join(tmpdir(), 'mrpo-bench-kill-'));
  try {
    writeKillRun(folder, { steps: STEPS, saveSteps: 3, weights });
    const begun = performance.now();
    const attempt = startAttempt(folder);
    if ((await attempt.ended) !== 0) throw new Error(`the undisturbed run failed:\n${attempt.output()}`);
    return { ...resultOf(folder), seconds: (performance.now() - begun) / 1000 };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** One run, killed until it comes to its end between two kills, or enough have been made. */
async function killedRun(
  campaign: Campaign,
  undisturbed: Quiet,
  random: ReturnType<typeof seededRandom>,
  enough: number,
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'mrpo-bench-kill-'));
  try {
    writeKillRun(folder, { steps: STEPS, saveSteps: 3, weights: campaign.weights });
    for (let code: number | string = 'not yet'; code !== 0;) {
      const attempt = startAttempt(folder);
      campaign.attempts += 1;
      // The longest start is most of a run: kills after it hit training, checkpoints, export and the start of another.
      const disturb = killsOf(campaign) < enough;
      const until = random.next() * 1.1 * undisturbed.seconds * 1000;
      const victim = VICTIMS[random.integer(VICTIMS.length)] ?? 'both';
      const early = disturb ? await Promise.race([attempt.ended, sleep(until, undefined)]) : await attempt.ended;
      const python = attempt.python();
      if (early === undefined) {
        await note(campaign, folder, victim);
        if (victim !== 'node') kill(python);
        if (victim !== 'python') kill(attempt.process.pid);
      }
      code = early ?? (await attempt.ended);
      campaign.orphans += (await outlives(python)) ? 1 : 0;
      if (code === 1) throw new Error(`an attempt failed by itself:\n${attempt.output()}`);
    }
    const result = resultOf(folder);
    campaign.runs += 1;
    if (result.adapter.equals(undisturbed.adapter)) campaign.equalAdapters += 1;
    const lines = (of: KillResult): string => [...of.metrics, of.heldOut, of.samples].join('\n');
    if (lines(result) === lines(undisturbed)) campaign.equalMetrics += 1;
    campaign.leftovers += leftovers(folder).length;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Whether a process is there still when it has had time enough to end; one that only waits to be reaped is not. */
async function outlives(pid: number | undefined): Promise<boolean> {
  if (pid === undefined) return false;
  for (let tries = 0; tries < 100 && isRunning(pid); tries++) await sleep(100);
  return isRunning(pid);
}

function isRunning(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.startsWith('Z') === false;
  } catch {
    return false;
  }
}

async function note(campaign: Campaign, folder: string, victim: Victim): Promise<void> {
  campaign.kills[victim] += 1;
  const stage = await readRun(join(folder, 'run')).then(
    ({ record }) => record.stage,
    () => 'start',
  );
  campaign.stages.set(stage, (campaign.stages.get(stage) ?? 0) + 1);
}

function table(campaigns: readonly Campaign[], seed: number): string {
  const stages = [...new Set(campaigns.flatMap((campaign) => [...campaign.stages.keys()]))];
  const row = (cells: readonly (string | number)[]): string => `| ${cells.join(' | ')} |`;
  const head = ['weights', 'kills', 'of Node', 'of Python', 'of both', ...stages.map((stage) => `in ${stage}`)];
  const more = ['attempts', 'runs', 'adapters equal', 'metrics, held-out, samples equal', 'orphans', 'left behind'];
  const rows = campaigns.map((c) => [
    ...[c.weights, killsOf(c), c.kills.node, c.kills.python, c.kills.both],
    ...stages.map((stage) => c.stages.get(stage) ?? 0),
    ...[
      c.attempts,
      c.runs,
      `${c.equalAdapters} of ${c.runs}`,
      `${c.equalMetrics} of ${c.runs}`,
      c.orphans,
      c.leftovers,
    ],
  ]);
  return [
    '# SIGKILL at random instants',
    '',
    `Tiny Llama, LoRA with dropout, three references, ${STEPS} steps, a checkpoint every 3, an evaluation every 5; seed ${seed};`,
    `${cpus().length} processors, ${cpus()[0]?.model ?? 'unknown'}. A run is started again after each kill until it ends; its result is compared`,
    'byte for byte with that of a run that nobody disturbed. Made by `npm run bench -- kill`.',
    '',
    row([...head, ...more]),
    row([...head, ...more].map(() => '---')),
    ...rows.map(row),
    '',
  ].join('\n');
}

await benchmark(process.argv.slice(2));
