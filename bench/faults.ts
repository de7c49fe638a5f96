/**
 * What machines do to runs: full disks, limits, clocks, sleep. Each fault hits a real run (tiny Llama, dropout, weights
 * that learn); when it is over the run is gone on with, and must end with the bytes of the run that nobody disturbed.
 * Needs root (it mounts file systems in memory), a C compiler and, for the clock, libfaketime.
 *
 *   npm run bench -- faults [--asleep 70] [--only NAME] [--faketime /path/libfaketime.so.1]
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { testPython } from '../test/support/tiny-models.js';
import {
  kill,
  leftovers,
  resultOf,
  startAttempt,
  writeKillRun,
  type Attempt,
  type AttemptOptions,
  type KillResult,
} from '../test/runs/kill-run.js';

interface World {
  readonly folder: string;
  begin(options?: AttemptOptions): Attempt;
  /** Waits until the run has written something behind a step. @returns false if it has ended before. */
  until(attempt: Attempt, step: number): Promise<boolean>;
}

interface Fault {
  readonly name: string;
  /** Brings it about; when it resolves the fault is over. @returns what was seen. */
  readonly happen: (world: World) => Promise<string>;
}

const argument = (name: string, fallback: string): string => {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? fallback : (process.argv[at + 1] ?? fallback);
};

const STEPS = 24;
const ASLEEP_S = Number(argument('asleep', '70'));
const FAKETIME = argument('faketime', '/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1');
const OPTIONS = { steps: STEPS, saveSteps: 3, weights: 'tsw', training: { logging_steps: 1 } } as const;

const run = (command: string, ...given: readonly string[]): string =>
  execFileSync(command, given, { encoding: 'utf8' });

/** How an attempt ended, with its last words. */
async function endOf(attempt: Attempt): Promise<string> {
  const code = await attempt.ended;
  if (code === 0) return 'finished';
  const reason = /"reason": ?"((?:[^"\\]|\\.)*)"/g;
  const said = [...attempt.output().matchAll(reason)].at(-1)?.[1] ?? attempt.output().trim().split('\n').at(-1) ?? '';
  return `ended (${code}): ${said
    .replaceAll(/\/tmp\/\S+\//g, '')
    .split('\\n')[0]!
    .slice(0, 160)}`;
}

async function onSmallDisk(world: World, work: (disk: string) => Promise<string>): Promise<string> {
  const disk = join(world.folder, 'run');
  mkdirSync(disk);
  run('mount', '-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', disk);
  return work(disk);
}

async function asleep(world: World, who: (attempt: Attempt) => readonly (number | undefined)[]): Promise<string> {
  const attempt = world.begin();
  await world.until(attempt, 8);
  const processes = who(attempt).filter((id) => id !== undefined);
  for (const id of processes) process.kill(id, 'SIGSTOP');
  await sleep(ASLEEP_S * 1000);
  for (const id of processes) process.kill(id, 'SIGCONT');
  return endOf(attempt);
}

/** Limits the memory of a process that runs to what it has. */
function limitMemory(id: number | undefined): void {
  const status = readFileSync(`/proc/${id}/status`, 'utf8');
  const bytes = 1024 * Number(/^VmSize:\s+(\d+)/m.exec(status)?.[1]);
  run('prlimit', '--pid', String(id), `--as=${bytes}`);
}

/** Killed, and gone on with, where the clock says something else. */
async function atOtherTime(world: World, shift: string): Promise<string> {
  const first = world.begin();
  await world.until(first, 8);
  kill(first.process.pid);
  await first.ended;
  return endOf(world.begin({ env: { LD_PRELOAD: FAKETIME, FAKETIME: shift, FAKETIME_DONT_FAKE_MONOTONIC: '1' } }));
}

const FAULTS: readonly Fault[] = [
  {
    name: 'disk full in the middle',
    happen: (world) =>
      onSmallDisk(world, async (disk) => {
        const attempt = world.begin();
        await world.until(attempt, 8);
        const ballast = join(disk, 'ballast');
        try {
          writeFileSync(ballast, Buffer.alloc(16 << 20));
        } catch {
          // full
        }
        const end = await endOf(attempt);
        rmSync(ballast, { force: true });
        return end;
      }),
  },
  {
    name: 'run folder read-only',
    happen: (world) =>
      onSmallDisk(world, async (disk) => {
        const first = world.begin();
        await world.until(first, 8);
        kill(first.process.pid);
        await first.ended;
        run('mount', '-o', 'remount,ro', disk);
        const end = await endOf(world.begin());
        run('mount', '-o', 'remount,rw', disk);
        return end;
      }),
  },
  {
    name: 'file system without links',
    happen: async (world) => {
      const source = join(world.folder, 'nolink.c');
      writeFileSync(
        source,
        '#include <errno.h>\nint link(const char*a,const char*b){(void)a;(void)b;errno=EPERM;return -1;}\n',
      );
      const library = join(world.folder, 'nolink.so');
      run('cc', '-shared', '-fPIC', '-o', library, source);
      const env = { LD_PRELOAD: library };
      const first = world.begin({ env });
      await world.until(first, 8);
      kill(first.process.pid);
      await first.ended;
      return endOf(world.begin({ env }));
    },
  },
  { name: 'clock set back by 400 days', happen: (world) => atOtherTime(world, '-400d') },
  { name: 'clock set forth by 400 days', happen: (world) => atOtherTime(world, '+400d') },
  { name: `Node stopped for ${ASLEEP_S} s`, happen: (world) => asleep(world, (attempt) => [attempt.process.pid]) },
  { name: `Python stopped for ${ASLEEP_S} s`, happen: (world) => asleep(world, (attempt) => [attempt.python()]) },
  {
    name: `both stopped for ${ASLEEP_S} s`,
    happen: (world) => asleep(world, (attempt) => [attempt.process.pid, attempt.python()]),
  },
  { name: '64 file descriptors', happen: (world) => endOf(world.begin({ before: 'ulimit -n 64' })) },
  {
    name: 'no more memory for Python, in training',
    happen: async (world) => {
      const attempt = world.begin();
      await world.until(attempt, 8);
      limitMemory(attempt.python());
      return endOf(attempt);
    },
  },
  {
    name: 'no more memory for Node, in training',
    happen: async (world) => {
      const attempt = world.begin();
      await world.until(attempt, 8);
      limitMemory(attempt.process.pid);
      return endOf(attempt);
    },
  },
  ...[1.5, 1.2].map((gigabytes) => ({
    name: `Python under ulimit -v of ${gigabytes} GB`,
    happen: async (world: World): Promise<string> => {
      const python = join(world.folder, 'python');
      const limit = Math.round(gigabytes * 1024 * 1024);
      writeFileSync(python, `#!/bin/sh\nulimit -v ${limit}\nexec ${testPython()} "$@"\n`, { mode: 0o755 });
      return endOf(world.begin({ env: { MRPO_PYTHON: python } }));
    },
  })),
];

function newWorld(): World & { remove(): void } {
  const folder = mkdtempSync(join(tmpdir(), 'mrpo-bench-faults-'));
  writeKillRun(folder, OPTIONS);
  return {
    folder,
    begin: (options) => startAttempt(folder, options),
    async until(attempt, step) {
      let over = false;
      void attempt.ended.then(() => (over = true));
      while (!over && !hasStep(join(folder, 'run/metrics.jsonl'), step)) await sleep(10);
      return !over;
    },
    remove() {
      if (existsSync('/proc/mounts') && readFileSync('/proc/mounts', 'utf8').includes(join(folder, 'run'))) {
        run('umount', join(folder, 'run'));
      }
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

const hasStep = (path: string, step: number): boolean =>
  existsSync(path) && readFileSync(path, 'utf8').includes(`{"step":${step},`);

/** Goes on until the run is done. @returns how many attempts that took. */
async function finish({ begin }: World): Promise<number> {
  for (let tries = 1; tries <= 3; tries++) {
    const attempt = begin();
    if ((await attempt.ended) === 0) return tries;
    if (tries === 3) throw new Error(attempt.output());
  }
  return 3;
}

const linesOf = ({ metrics, heldOut, samples }: KillResult): string => [...metrics, heldOut, samples].join('\n');

async function main(): Promise<void> {
  const quiet = newWorld();
  await finish(quiet);
  const undisturbed = resultOf(quiet.folder);
  quiet.remove();
  const rows: string[] = [];
  for (const { name, happen } of FAULTS.filter((fault) => fault.name.includes(argument('only', '')))) {
    const world = newWorld();
    try {
      const seen = await happen(world);
      const attempts = seen === 'finished' ? 0 : await finish(world);
      const result = resultOf(world.folder);
      const equal = result.adapter.equals(undisturbed.adapter) && linesOf(result) === linesOf(undisturbed);
      if (!equal) console.log(linesOf(result), linesOf(undisturbed));
      rows.push(`| ${name} | ${seen} | ${attempts} | ${equal ? 'yes' : 'NO'} | ${leftovers(world.folder).length} |`);
    } catch (thrown) {
      rows.push(`| ${name} | ${String(thrown).slice(0, 300).replaceAll('\n', ' ')} | | NO | |`);
    }
    world.remove();
    const text = [
      '# Faults of the machine',
      '',
      `Tiny Llama, LoRA with dropout, three references, weights that learn, ${STEPS} steps, a checkpoint every 3. When the fault is over the`,
      'run is gone on with; adapter, metrics (but for times), held-out log-probs and samples are compared byte for byte with',
      'those of a run that nobody disturbed. Made by `npm run bench -- faults`.',
      '',
      '| fault | what the run did | attempts after it | equal | left behind |',
      '| --- | --- | --- | --- | --- |',
      ...rows,
      '',
    ].join('\n');
    writeFileSync(join(import.meta.dirname, 'results/faults.md'), text);
    console.log(rows.at(-1));
  }
}

await main();
