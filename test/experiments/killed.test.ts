/** A program that runs a matrix is killed at random instants; the tables are those of one that nobody disturbed. */
import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { seededRandom } from '../../src/core/random.js';
import { isTemporary } from '../../src/core/temporary-file.js';
import { temporaryFolder, writePairs } from '../runs/support.js';

const PROGRAM = join(import.meta.dirname, 'toy-program.ts');
const KILLS = 3;
/** Five starts of Node with a compiler in it; far more than they take. */
const TIMEOUT_MS = 300_000;

/** Runs it; kills it after so many events if asked to. @returns whether it was killed. */
function run(folder: string, out: string, killAt = Infinity): Promise<boolean> {
  return new Promise((done, fail) => {
    const child = spawn(process.execPath, ['--import', 'tsx', PROGRAM, folder, out], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let [events, said, killed] = [0, '', false];
    child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      events += text.split('\n').length - 1;
      if (events >= killAt && !killed) killed = child.kill('SIGKILL');
    });
    child.on('close', (code) => (code === 0 || killed ? done(code !== 0) : fail(new Error(said))));
  });
}

const tables = (out: string): string[] =>
  ['results.md', 'toy.tex', 'curves.svg'].map((name) => readFileSync(join(out, name), 'utf8'));

it(
  'that was killed gives the same tables, and leaves no claim and no half a run',
  async () => {
    const folder = temporaryFolder();
    writePairs(folder);
    const [whole, killed] = [join(folder, 'whole'), join(folder, 'killed')];
    await run(folder, whole);
    const random = seededRandom(3);
    let kills = 0;
    for (let i = 0; i < KILLS; i++) kills += Number(await run(folder, killed, 2 + random.integer(25)));
    expect(kills).toBeGreaterThan(1);
    await run(folder, killed);
    expect(tables(killed)).toEqual(tables(whole));
    // A file that was being written at the instant of a kill stays for a minute: it might be another program's.
    expect(readdirSync(join(killed, 'claims')).filter((name) => !isTemporary(name))).toEqual([]);
    expect(readdirSync(join(killed, 'cells'))).toHaveLength(2);
  },
  TIMEOUT_MS,
);
