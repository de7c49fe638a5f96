import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { processExists, thisProcess } from '../../src/core/process-owner.js';
import { makeScratchFolder, OWNER_FILE, sweepScratchFolders } from '../../src/core/scratch-folder.js';

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'scratch-test-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A folder whose owner is a process that has been there and is gone. */
async function abandonedFolder(parent: string, name: string): Promise<string> {
  const gone = spawn(process.execPath, ['-e', '']);
  await once(gone, 'exit');
  const path = join(parent, name);
  mkdirSync(path);
  writeFileSync(join(path, OWNER_FILE), JSON.stringify({ ...thisProcess(), process: gone.pid }));
  writeFileSync(join(path, 's'), '');
  return path;
}

it('removes what a process that is gone has left, and nothing else', async () => {
  const parent = temporaryFolder();
  const abandoned = await abandonedFolder(parent, 'mrpo-abcdef');
  const others = [await abandonedFolder(parent, 'mrpo-runs-abcdef'), await abandonedFolder(parent, 'other-abcdef')];
  const first = makeScratchFolder(parent, 'mrpo');
  const second = makeScratchFolder(parent, 'mrpo');
  expect(existsSync(abandoned)).toBe(false);
  expect(readdirSync(parent).sort()).toEqual([first, second, ...others].map((path) => basename(path)).sort());
});

it('tells a process id that is used again, a restart of the machine and another machine apart', async () => {
  const parent = temporaryFolder();
  const make = (name: string, owner: object): string => {
    const path = join(parent, name);
    mkdirSync(path);
    writeFileSync(join(path, OWNER_FILE), JSON.stringify({ ...thisProcess(), ...owner }));
    return path;
  };
  const usedAgain = make('mrpo-aaaaaa', { started: '1' });
  const restarted = make('mrpo-bbbbbb', { boot: 'before' });
  const elsewhere = make('mrpo-cccccc', { host: 'another', process: 1 });
  const container = make('mrpo-dddddd', { namespace: 'pid:[1]', process: 1 });
  sweepScratchFolders(parent, 'mrpo');
  expect([usedAgain, restarted, elsewhere, container].map((path) => existsSync(path))).toEqual(
    process.platform === 'linux' ? [false, false, true, true] : [false, true, true, true],
  );
});

it('removes one whose process was killed before it could name itself, and nobody else’s folder of such a name', () => {
  const parent = temporaryFolder();
  const [old, half, fresh, mine] = ['aaaaaa', 'bbbbbb', 'cccccc', 'models'].map((name) =>
    join(parent, `mrpo-${name}`),
  ) as [string, string, string, string];
  for (const path of [old, half, fresh, mine]) mkdirSync(path);
  writeFileSync(join(half, OWNER_FILE), ''); // the name was on its way
  writeFileSync(join(mine, 'weights'), '');
  for (const path of [old, half, mine]) utimesSync(path, 1, 1);
  sweepScratchFolders(parent, 'mrpo');
  expect([old, half, fresh, mine].map((path) => existsSync(path))).toEqual([false, false, true, true]);
});

it('removes every one where nobody else can be at work', () => {
  const parent = temporaryFolder();
  const path = makeScratchFolder(parent, 'mrpo');
  sweepScratchFolders(parent, 'mrpo');
  expect(existsSync(path)).toBe(true);
  sweepScratchFolders(parent, 'mrpo', { alone: true });
  expect(existsSync(path)).toBe(false);
});

it.runIf(process.platform === 'linux')(
  'a process that has ended is gone, also when its parent does not notice',
  async () => {
    const parent = spawn('/bin/sh', ['-c', 'sleep 0.1 & echo $!; exec sleep 30'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    onTestFinished(() => void parent.kill('SIGKILL'));
    const [line] = (await once(parent.stdout, 'data')) as [Buffer];
    const child = Number(line.toString());
    await expect.poll(() => processExists(child), { timeout: 20_000 }).toBe(false);
    expect(existsSync(`/proc/${child}`)).toBe(true);
  },
);
