/**
 * `mrpo reproduce` at the miniature scale: how long it takes, that a second time runs nothing, and that tables are the
 * same after it was killed again and again (SIGKILL to Node and its Pythons at once) at random instants.
 *
 *   npm run bench -- reproduce [--what all] [--only PATTERN] [--seeds N] [--jobs 2] [--kills 20] [--seed 1] [--keep FOLDER]
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parse } from 'csv-parse/sync';
import { seededRandom } from '../src/core/random.js';

const ROOT = join(import.meta.dirname, '..');

interface Attempt {
  readonly seconds: number;
  /** Exit code, or -1 for one that was killed. */
  readonly code: number;
  readonly summary: { readonly finished: number; readonly kept: number } | undefined;
}

async function benchmark(argv: readonly string[]): Promise<void> {
  const given = (name: string, fallback: string): string => {
    const at = argv.indexOf(`--${name}`);
    return at < 0 ? fallback : (argv[at + 1] ?? fallback);
  };
  const [kills, seed] = [Number(given('kills', '20')), Number(given('seed', '1'))];
  const [only, seeds] = [given('only', ''), given('seeds', '')];
  const command = [
    ...['reproduce', given('what', 'all'), '--scale', 'miniature', '--jobs', given('jobs', '2'), '--json'],
    ...(only === '' ? [] : ['--only', only]),
    ...(seeds === '' ? [] : ['--seeds', seeds]),
  ];
  const home = given('keep', '') || mkdtempSync(join(tmpdir(), 'mrpo-bench-reproduce-'));
  const whole = join(home, 'whole');
  const killed = join(home, 'killed');
  const load = loadavg()[0]!.toFixed(1);
  const first = await attempt([...command, '--out', whole]);
  const again = await attempt([...command, '--out', whole]);
  const random = seededRandom(seed);
  let [done, attempts] = [0, 0];
  while (done < kills) {
    // Uniform over what an undisturbed run takes for its share, so that kills fall everywhere in it.
    const after = 3 + random.next() * Math.max(2, (2 * first.seconds) / kills);
    attempts += 1;
    const { code } = await attempt([...command, '--out', killed], after);
    if (code !== -1) break; // finished before it was killed
    done += 1;
  }
  const last = await attempt([...command, '--out', killed]);
  const [one, other] = [tablesIn(whole), tablesIn(killed)];
  const different = [...one.keys(), ...other.keys()].filter((name) => one.get(name) !== other.get(name));
  const text = [
    '# The miniature reproduction: time, and kills',
    '',
    `\`${command.filter((part) => part !== '--json').join(' ')}\` on ${cpus().length} processors (${cpus()[0]?.model ?? 'unknown'}), load ${load} when it began.`,
    'Made by `npm run bench -- reproduce`.',
    '',
    '| | |',
    '|---|---|',
    `| first time | ${first.seconds.toFixed(0)} s, ${first.summary?.finished ?? '?'} runs |`,
    `| the same command again | ${again.seconds.toFixed(0)} s, ${again.summary?.finished ?? '?'} runs, ${again.summary?.kept ?? '?'} kept |`,
    `| killed at random instants | ${done} times (seed ${seed}), ${attempts + 1} starts |`,
    `| last start | ${last.seconds.toFixed(0)} s, ${last.summary?.finished ?? '?'} runs, ${last.summary?.kept ?? '?'} kept |`,
    `| files compared (tables, figures, runs; without times) | ${one.size} |`,
    `| different | ${new Set(different).size === 0 ? 'none' : [...new Set(different)].join(', ')} |`,
    '',
  ].join('\n');
  writeFileSync(join(import.meta.dirname, 'results/reproduce.md'), text);
  console.log(text);
  if (given('keep', '') === '') rmSync(home, { recursive: true, force: true });
  if (different.length > 0) process.exitCode = 1;
}

/** Runs the command; kills its whole process group after some seconds if asked to. */
async function attempt(command: readonly string[], killAfter?: number): Promise<Attempt> {
  const begun = performance.now();
  const child = spawn(process.execPath, [join(ROOT, 'bin/mrpo.js'), ...command], {
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: true,
  });
  let printed = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (printed += text));
  const ended = new Promise<number>((done) => child.once('close', (code) => done(code ?? -1)));
  const alarm = new AbortController();
  if (killAfter !== undefined) {
    void sleep(killAfter * 1000, undefined, { signal: alarm.signal }).then(
      () => process.kill(-child.pid!, 'SIGKILL'),
      () => undefined,
    );
  }
  const code = await ended;
  alarm.abort();
  const line = printed.trim().split('\n').at(-1) ?? '';
  return {
    seconds: (performance.now() - begun) / 1000,
    code,
    summary: line.startsWith('{') ? (JSON.parse(line) as Attempt['summary']) : undefined,
  };
}

/** Everything that is written of the results but times. */
function tablesIn(folder: string): ReadonlyMap<string, string> {
  const names = readdirSync(folder).filter((name) => /\.(tex|svg|csv|md)$/.test(name) && name !== 'checklist.md');
  return new Map(
    names.map((name) => {
      const text = readFileSync(join(folder, name), 'utf8');
      return [name, name.endsWith('.csv') ? withoutColumn(text, 'seconds') : text];
    }),
  );
}

function withoutColumn(csv: string, name: string): string {
  const [head = [], ...lines]: string[][] = parse(csv);
  const at = head.indexOf(name);
  return [head, ...lines].map((line) => JSON.stringify(line.filter((_, i) => i !== at))).join('\n');
}

await benchmark(process.argv.slice(2));
