/**
 * Long runs: resident memory of both processes, file descriptors, threads and files must stay flat, with checkpoints and
 * evaluations all the way, and Python killed in between.
 *
 *   npm run bench -- soak [--toy-steps 20000] [--real-steps 2000] [--only toy|real]
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createMemoryBackend } from '../src/backend/memory.js';
import { loadConfig } from '../src/config/index.js';
import { openLogpCache } from '../src/references/index.js';
import { beginRun } from '../src/runs/index.js';
import { kill, startAttempt, writeKillRun, writeKillPairs } from '../test/runs/kill-run.js';

/** What is looked at, of one process at one step. */
interface Sample {
  readonly step: number;
  readonly rss: number; // KiB
  readonly descriptors: number;
  readonly threads: number;
  readonly files: number;
}

interface Soak {
  readonly name: string;
  readonly samples: readonly Sample[];
  readonly note: string;
}

const FOLDER_PREFIX = join(tmpdir(), 'mrpo-bench-soak-');
const argument = (name: string, fallback: string): string => {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? fallback : (process.argv[at + 1] ?? fallback);
};

function sampleOf(pid: number, step: number, folder: string): Sample | undefined {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    const number = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)?.[1]);
    const descriptors = readdirSync(`/proc/${pid}/fd`).length;
    return { step, rss: number('VmRSS'), descriptors, threads: number('Threads'), files: countFiles(folder) };
  } catch {
    return undefined; // it has ended
  }
}

const countFiles = (folder: string): number => readdirSync(folder, { recursive: true }).length;

/** The in-memory backend, in this process. */
async function soakToy(steps: number): Promise<Soak> {
  const folder = mkdtempSync(FOLDER_PREFIX);
  const cache = openLogpCache({ path: ':memory:' });
  try {
    writeKillPairs(folder);
    const loaded = loadConfig({
      object: {
        policy: { model: 'toy:policy', lora: { r: 4, dropout: 0.1 } },
        references: [
          { name: 'self', model: 'policy' },
          { name: 'other', model: 'toy:other' },
        ],
        data: { train: join(folder, 'pairs.jsonl'), eval: 6 },
        objective: { weights: 'tsw' },
        training: { batch_size: 4, epochs: 1e6, max_steps: steps, eval_steps: 200, save_steps: 50, logging_steps: 10 },
        output: join(folder, 'run'),
      },
      env: {},
      cwd: folder,
    });
    const samples: Sample[] = [];
    const run = await beginRun(loaded, { backend: createMemoryBackend(), cache });
    for await (const event of run.events) {
      if (event.type !== 'step' || event.step % Math.ceil(steps / 200) !== 0) continue;
      globalThis.gc?.();
      const sample = sampleOf(process.pid, event.step, folder);
      if (sample !== undefined) samples.push(sample);
    }
    await run.result;
    const note = `${steps} steps, ${steps / 50} checkpoints, ${steps / 200} evaluations`;
    return { name: 'toy policy, one process', samples, note };
  } finally {
    cache.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The command line with its embedded Python, which is killed now and then: the run goes on by itself. */
async function soakReal(steps: number): Promise<readonly Soak[]> {
  const folder = mkdtempSync(FOLDER_PREFIX);
  const kills = [0.25, 0.5, 0.75].map((share) => Math.round(share * steps));
  try {
    writeKillRun(folder, { steps, saveSteps: 20, weights: 'swcw', evalSteps: 100 });
    const attempt = startAttempt(folder);
    let over = false;
    void attempt.ended.then(() => (over = true));
    const node: Sample[] = [];
    const pythons: Sample[][] = [[]];
    let [last, killed] = [0, 0];
    while (!over) {
      await sleep(20);
      const step = lastStep(join(folder, 'run/metrics.jsonl'));
      if (step === last || step % 10 !== 0) continue;
      last = step;
      const of = (pid: number | undefined): Sample[] =>
        [pid === undefined ? undefined : sampleOf(pid, step, folder)].filter((it) => it !== undefined);
      node.push(...of(attempt.process.pid));
      pythons.at(-1)?.push(...of(attempt.python()));
      if (step >= (kills[killed] ?? Infinity)) {
        killed += 1;
        kill(attempt.python());
        pythons.push([]);
      }
    }
    if ((await attempt.ended) !== 0) throw new Error(attempt.output());
    const note = `${steps} steps, ${steps / 20} checkpoints, ${steps / 100} evaluations, Python killed ${killed} times`;
    return [
      { name: 'tiny Llama, Node', samples: node, note },
      ...pythons.map((samples, i) => ({ name: `tiny Llama, Python ${i + 1}`, samples, note })),
    ];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function lastStep(path: string): number {
  try {
    const line = readFileSync(path, 'utf8').trimEnd().split('\n').at(-1) ?? '';
    return Number((JSON.parse(line) as { step: number }).step);
  } catch {
    return 0; // not there yet, or half-written
  }
}

/** Least squares, per 1,000 steps, with the slope's standard error. The first fifth is warming up. */
function slope(samples: readonly Sample[], of: keyof Sample): { readonly slope: number; readonly error: number } {
  const rest = samples.slice(Math.floor(samples.length / 5));
  const n = rest.length;
  const mean = (value: (sample: Sample) => number): number => rest.reduce((sum, sample) => sum + value(sample), 0) / n;
  const [x, y] = [mean((sample) => sample.step), mean((sample) => sample[of])];
  const xx = rest.reduce((sum, sample) => sum + (sample.step - x) ** 2, 0);
  const b = rest.reduce((sum, sample) => sum + (sample.step - x) * (sample[of] - y), 0) / xx;
  const residual = rest.reduce((sum, sample) => sum + (sample[of] - y - b * (sample.step - x)) ** 2, 0);
  return { slope: 1000 * b, error: 1000 * Math.sqrt(residual / (n - 2) / xx) };
}

function table(soaks: readonly Soak[]): string {
  const cell = (samples: readonly Sample[], of: keyof Sample): string => {
    const { slope: b, error } = slope(samples, of);
    return `${b.toFixed(of === 'rss' ? 0 : 2)} ± ${error.toFixed(of === 'rss' ? 0 : 2)}`;
  };
  const rows = soaks.map(({ name, samples }) => {
    const warm = samples.slice(Math.floor(samples.length / 5));
    const ends = (of: keyof Sample): string => `${warm[0]?.[of] ?? NaN} → ${warm.at(-1)?.[of] ?? NaN}`;
    const kinds = ['rss', 'descriptors', 'threads', 'files'] as const;
    return `| ${[name, samples.length, ...kinds.flatMap((kind) => [ends(kind), cell(samples, kind)])].join(' | ')} |`;
  });
  return [
    '# Soak',
    '',
    `${cpus().length} processors, ${cpus()[0]?.model ?? 'unknown'}. Slopes per 1,000 steps by least squares behind the first fifth, with standard errors;`,
    'resident memory in KiB; files are all those of the world of the run: its folder, caches, temporary files.',
    'Made by `npm run bench -- soak`.',
    '',
    ...[...new Set(soaks.map(({ name, note }) => `- ${name.split(',')[0]}: ${note}.`))],
    '',
    '| what | samples | memory | slope | descriptors | slope | threads | slope | files | slope |',
    '| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |',
    ...rows,
    '',
  ].join('\n');
}

const only = argument('only', '');
const soaks: Soak[] = [];
if (only !== 'real') soaks.push(await soakToy(Number(argument('toy-steps', '20000'))));
if (soaks.length > 0) console.log(table(soaks));
if (only !== 'toy') soaks.push(...(await soakReal(Number(argument('real-steps', '2000')))));
writeFileSync(join(import.meta.dirname, 'results/soak.md'), table(soaks));
console.log(table(soaks));
