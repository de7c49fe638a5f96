/** The life of an embedded backend: it starts when asked, says why it cannot, and never outlives its program. */
import { spawn, type ChildProcess } from 'node:child_process';
import { chmodSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { PROTOCOL_VERSION } from '../../src/backend/backend.js';
import type { Backend } from '../../src/backend/backend.js';
import { BackendFault } from '../../src/backend/fault.js';
import { launchBackend } from '../../src/backend/launch.js';
import { openBackend } from '../../src/backend/open.js';
import { tinyModel } from '../support/tiny-models.js';
import { scoresOf } from './contract.js';
import { PAIRS, RULE } from './support/pairs.js';

/** Starting Python takes seconds, and many times that on a busy machine. */
const START = { timeout: 180_000 };

const folder = mkdtempSync(join(tmpdir(), 'mrpo-launch-test-'));
// Private folders are made in here, apart from those of other test files, and what a killed program leaves goes too.
vi.stubEnv('TMPDIR', folder);
afterAll(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true, force: true });
});

/** Private folders of embedded backends that exist now. */
const privateFolders = (): string[] => readdirSync(folder).filter((name) => /^mrpo-[A-Za-z0-9]{6}$/.test(name));

function isAlive(processId: number): boolean {
  try {
    process.kill(processId, 0);
    return true;
  } catch {
    return false;
  }
}

/** An executable that stands in for Python. */
function fakePython(name: string, script: string): string {
  const path = join(folder, name);
  writeFileSync(path, `#!/bin/sh\n${script}\n`);
  chmodSync(path, 0o755);
  return path;
}

/** test/backend/fixtures/embedded-program.ts in a process group of its own, once it is ready. */
async function startProgram(...args: string[]): Promise<{ child: ChildProcess; processId: number; lines: Interface }> {
  const path = fileURLToPath(new URL('fixtures/embedded-program.ts', import.meta.url));
  const child = spawn(process.execPath, ['--import', 'tsx', path, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: true,
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  const lines = createInterface({ input: child.stdout });
  const { processId } = await nextLine(lines);
  expect(isAlive(processId)).toBe(true);
  return { child, processId, lines };
}

async function nextLine(lines: Interface): Promise<{ processId: number; alive?: boolean }> {
  const line = await new Promise<string>((resolve) => lines.once('line', resolve));
  return JSON.parse(line) as { processId: number };
}

const exitOf = (child: ChildProcess): Promise<number | null> => new Promise((resolve) => child.once('exit', resolve));

describe('a program that cannot start Python', () => {
  it('is told that the file is missing', async () => {
    const attempt = launchBackend({ python: join(folder, 'no-python') });
    await expect(attempt).rejects.toMatchObject({ code: 'environment' });
    await expect(attempt).rejects.toThrow('no-python');
  });

  it('hears the last log lines of one that ends at once', async () => {
    const python = fakePython('dying-python', 'echo "ImportError: no torch here" >&2; exit 3');
    const attempt = launchBackend({ python });
    await expect(attempt).rejects.toMatchObject({ reason: 'died', code: 'backend' });
    await expect(attempt).rejects.toThrow(/exit code 3.*\n.*ImportError: no torch here/);
  });

  it('hears the exception of one that lacks packages', async () => {
    const real = join(fileURLToPath(new URL('../../', import.meta.url)), '.venv', 'bin', 'python');
    const bare = fakePython('bare-python', `exec ${process.env['MRPO_PYTHON'] ?? real} -S "$@"`);
    const attempt = launchBackend({ python: bare });
    await expect(attempt).rejects.toMatchObject({ reason: 'failed' });
    await expect(attempt).rejects.toThrow(/ModuleNotFoundError: No module named/);
  });

  it('can stop waiting', async () => {
    const python = fakePython('silent-python', 'exec sleep 60');
    const attempt = launchBackend({ python, signal: AbortSignal.timeout(300) });
    await expect(attempt).rejects.toMatchObject({ code: 'aborted' });
  });

  it('leaves no folder behind', async () => {
    const before = privateFolders();
    await expect(launchBackend({ python: fakePython('dead-python', 'exit 1') })).rejects.toBeInstanceOf(BackendFault);
    expect(privateFolders().filter((name) => !before.includes(name))).toEqual([]);
  });
});

describe('an embedded backend', () => {
  const lines: string[] = [];
  let [first, second]: Backend[] = [];
  let environment: NodeJS.ProcessEnv;
  beforeAll(async () => {
    environment = { ...process.env };
    [first, second] = await Promise.all([
      launchBackend({ threads: 1, onLog: (line) => lines.push(line) }),
      openBackend({ threads: 1, env: {} }),
    ]);
  });
  afterAll(async () => {
    await first?.close();
    await second?.close();
  });
  const both = (): [Backend, Backend] => [first as Backend, second as Backend];

  it('is a process of its own each, with the threads asked for', async () => {
    const [a, b] = await Promise.all(both().map((backend) => backend.info()));
    expect(a?.processId).not.toBe(b?.processId);
    expect(a?.processId).not.toBe(process.pid);
    expect(a?.threads).toBe(1);
  });

  it('leaves the environment of the program as it was', () => {
    expect({ ...process.env }).toEqual(environment);
    expect('__pythonBridge' in globalThis).toBe(false);
  });

  it('hands its log to the program, line by line', async () => {
    const [backend] = both();
    await backend.loadModel({ source: tinyModel('llama') });
    await expect.poll(() => lines.some((line) => line.includes('loaded')), { timeout: 20_000 }).toBe(true);
  });

  it('fails calls at once with its last log lines when it is killed, and leaves the other one alone', async () => {
    const [backend, other] = both();
    const { processId } = await backend.info();
    const { handle } = await backend.loadModel({ source: tinyModel('llama') });
    const many = Array.from({ length: 2000 }, (_, i) => PAIRS[i % 4] ?? PAIRS[0]) as typeof PAIRS;
    const rows = await backend.registerRows(handle, many, RULE);
    let killedAt = 0;
    const scoring = (async () => {
      for await (const _chunk of backend.score(rows.handle)) {
        killedAt ||= (process.kill(processId, 'SIGKILL'), performance.now());
      }
    })();
    await expect(scoring).rejects.toMatchObject({ reason: 'died' });
    expect(performance.now() - killedAt).toBeLessThan(20_000);
    await expect(scoring).rejects.toThrow(/signal SIGKILL/);
    await expect(scoring).rejects.toThrow(/last log lines:\n(.*\n)*.*loaded/);
    await expect(backend.info()).rejects.toMatchObject({ reason: 'died' });
    await expect(scoresOf(backend, rows.handle)).rejects.toMatchObject({ reason: 'died' });
    expect((await other.info()).protocolVersion).toBe(PROTOCOL_VERSION);
  });

  it('ends when it is closed, and its folder with it', async () => {
    const [dead, living] = both();
    const { processId } = await living.info();
    await dead.close();
    await living.close();
    await living.close();
    await expect.poll(() => isAlive(processId), { timeout: 20_000 }).toBe(false);
  });
});

describe('a program that ends takes its Python with it:', START, () => {
  it('not at Ctrl-C, which is for the program to handle, but when killed while Python is busy', async () => {
    const { child, processId, lines } = await startProgram('busy', tinyModel('llama'));
    const said = nextLine(lines);
    process.kill(-(child.pid ?? NaN), 'SIGINT'); // the whole group, as a terminal does
    expect(await said).toEqual({ alive: true });
    child.kill('SIGKILL');
    await expect.poll(() => isAlive(processId), { timeout: 20_000 }).toBe(false);
  });

  it('finished without closing', async () => {
    const before = privateFolders();
    const { child, processId } = await startProgram('forget');
    expect(child.exitCode ?? (await exitOf(child))).toBe(0);
    await expect.poll(() => isAlive(processId), { timeout: 20_000 }).toBe(false);
    const left = privateFolders().filter((name) => !before.includes(name));
    expect(left).toEqual([]);
  });

  it('and nothing of a failed start keeps it', async () => {
    const { child } = await startProgram('fail', fakePython('failing-python', 'exit 1'));
    const started = performance.now();
    expect(child.exitCode ?? (await exitOf(child))).toBe(0);
    expect(performance.now() - started).toBeLessThan(20_000);
  });
});
