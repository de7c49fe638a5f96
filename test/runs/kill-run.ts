/** A real run of the command line that is killed and gone on with: for the test and the benchmark. */
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';
import { testPython, tinyModel } from '../support/tiny-models.js';

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '../..');

export interface KillRunOptions {
  readonly steps: number;
  /** Checkpoints every so many steps. */
  readonly saveSteps: number;
  readonly weights: 'swcw' | 'tsw';
  /** Default 5. */
  readonly evalSteps?: number;
  /** In place of settings of the training. */
  readonly training?: Readonly<Record<string, unknown>>;
}

/**
 * A folder with pairs and a configuration: tiny Llama, dropout, two further references, weights that learn, evaluations
 * in between. What is kept between attempts (the cache) lies in it too, and so does what must be gone in the end.
 */
export function writeKillRun(
  folder: string,
  { steps, saveSteps, weights, evalSteps = 5, training }: KillRunOptions,
): void {
  mkdirSync(join(folder, 'tmp'), { recursive: true });
  writeKillPairs(folder);
  const config = {
    policy: { model: tinyModel('llama'), lora: { r: 4, dropout: 0.1 } },
    references: [
      { name: 'self', model: 'policy' },
      { name: 'mistral', model: tinyModel('mistral') },
      { name: 'qwen', model: tinyModel('qwen2') },
    ],
    data: { train: 'pairs.jsonl', eval: 6, max_length: 96 },
    objective: { weights },
    training: {
      learning_rate: 1e-3,
      batch_size: 2,
      epochs: 10_000,
      max_steps: steps,
      eval_steps: evalSteps,
      logging_steps: 2,
      save_steps: saveSteps,
      micro_batch_tokens: 256,
      ...training,
    },
    generate: { samples: 1, max_new_tokens: 4 },
    output: 'run',
  };
  writeFileSync(join(folder, 'run.yaml'), stringify(config));
}

/** 24 pairs, as `pairs.jsonl`. */
export function writeKillPairs(folder: string): void {
  const lines = Array.from({ length: 24 }, (_, i) => `${JSON.stringify(pairRow(i))}\n`);
  writeFileSync(join(folder, 'pairs.jsonl'), lines.join(''));
}

const pairRow = (i: number): object => ({
  prompt: [{ role: 'user', content: `What is ${i} plus two?` }],
  chosen: [{ role: 'assistant', content: `It is ${i + 2}.` }],
  rejected: [{ role: 'assistant', content: `No idea, perhaps ${i}, ask again${' later'.repeat(i % 3)}.` }],
});

export interface Attempt {
  readonly process: ChildProcess;
  readonly output: () => string;
  /** The exit code, or the signal that ended it. */
  readonly ended: Promise<number | string>;
  /** Process id of the embedded Python, once there is one. */
  readonly python: () => number | undefined;
}

export interface AttemptOptions {
  readonly more?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Shell commands before it: limits. */
  readonly before?: string;
}

/** `mrpo train run.yaml --resume` in a process group of its own. */
export function startAttempt(folder: string, { more = [], env = {}, before = ':' }: AttemptOptions = {}): Attempt {
  const command = [process.execPath, join(ROOT, 'bin/mrpo.js'), 'train', 'run.yaml', '--resume', '--json', ...more];
  const child = spawn('/bin/sh', ['-c', `${before}; exec "$@"`, 'sh', ...command], {
    cwd: folder,
    env: {
      ...process.env,
      MRPO_PYTHON: testPython(),
      MRPO_CACHE_DIR: join(folder, 'cache'),
      OMP_NUM_THREADS: '1',
      TMPDIR: join(folder, 'tmp'),
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  const ended = new Promise<number | string>((resolve) =>
    child.once('close', (code, signal) => resolve(code ?? signal ?? 'unknown')),
  );
  return { process: child, output: () => output, ended, python: () => childrenOf(child.pid ?? -1)[0] };
}

/** Process ids of the children of a process, as Linux tells them. */
export function childrenOf(pid: number): number[] {
  try {
    const tasks = readdirSync(`/proc/${pid}/task`);
    return tasks.flatMap((task) =>
      readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number),
    );
  } catch {
    return [];
  }
}

/** Its children, their children, and so on. */
export const descendantsOf = (pid: number): number[] =>
  childrenOf(pid).flatMap((child) => [child, ...descendantsOf(child)]);

/** Whether a process is at work; one that only waits to be reaped is not. */
export function isRunning(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.startsWith('Z') === false;
  } catch {
    return false;
  }
}

export interface KillResult {
  readonly adapter: Buffer;
  /** Lines of metrics.jsonl with times and memory set to 0. */
  readonly metrics: readonly string[];
  readonly heldOut: string;
  readonly samples: string;
}

/** What must not depend on how often the run was killed; the folder's own name is left out. */
export function resultOf(folder: string): KillResult {
  const read = (file: string): string => readFileSync(join(folder, 'run', file), 'utf8').replaceAll(folder, '');
  return {
    adapter: readFileSync(join(folder, 'run/adapter/adapter_model.safetensors')),
    metrics: read('metrics.jsonl')
      .trim()
      .split('\n')
      .map((line) =>
        JSON.stringify(JSON.parse(line, (key, value: unknown) => (/second|peak_memory/.test(key) ? 0 : value))),
      ),
    heldOut: read('held-out.jsonl'),
    samples: read('samples.jsonl'),
  };
}

/** What a finished run must not leave: temporary folders, sockets, half-written files, locks. */
export function leftovers(folder: string): string[] {
  const hidden = (path: string): string[] =>
    existsSync(path) ? readdirSync(path).filter((name) => name.startsWith('.')) : [];
  return [
    ...readdirSync(join(folder, 'tmp')).filter((name) => /mrpo/.test(name)),
    ...hidden(join(folder, 'run')),
    ...hidden(join(folder, 'run/checkpoints')),
  ];
}

/** Kills a process for good; one that is gone already is fine. */
export function kill(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // it was quicker
  }
}
