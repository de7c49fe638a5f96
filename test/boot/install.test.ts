/** The installer on machines that lack something, with real Pythons, real pip and no network. */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { spawn } from 'node:child_process';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { makeCheckout, type Checkout } from './checkout.js';

function checkout(): Checkout {
  const made = makeCheckout();
  onTestFinished(() => made.remove());
  return made;
}

/** A Python that answers the installer's question about itself, and nothing else. */
const claims = (version: readonly number[], venv: boolean): string =>
  `#!/bin/sh\necho '[${JSON.stringify(version)}, "/usr/bin/python3", ${venv}, ${venv}]'\n`;

const requirementIn = (environment: string): boolean =>
  ['3.10', '3.11', '3.12', '3.13', '3.14'].some((version) =>
    existsSync(join(environment, 'lib', `python${version}`, 'site-packages', 'mrpo_test_requirement.py')),
  );

describe('a machine that lacks something', () => {
  it('is told that there is no Python', async () => {
    const { code, stderr } = await checkout().install();
    expect(code).toBe(1);
    expect(stderr).toMatch(/error: Python was not found on PATH; Python 3\.10 or newer is needed\n {2}\S/);
  });

  it('is told that its Python is too old, and which it is', async () => {
    const machine = checkout();
    machine.program('python3', claims([3, 8, 10], true));
    const { code, stderr } = await machine.install();
    expect(code).toBe(1);
    expect(stderr).toMatch(/Python is too old: python3 is 3\.8\.10; Python 3\.10 or newer is needed/);
  });

  it('is told that the venv module is missing, and the package that brings it', async () => {
    const machine = checkout();
    machine.program('python3', claims([3, 11, 2], false));
    const { code, stderr } = await machine.install();
    expect(code).toBe(1);
    expect(stderr).toMatch(/lacks the venv module/);
    expect(stderr).toMatch(/apt install python3\.11-venv/);
  });
});

/** One environment through its life: each test goes on with what the one before it left. */
describe('an environment', () => {
  let machine: Checkout;
  beforeAll(() => {
    machine = makeCheckout();
    machine.realPython();
  });
  afterAll(() => machine.remove());
  const mark = (): string => join(machine.environment, 'mrpo-installing');
  const leftOver = (): string => join(machine.environment, 'left-over');

  it('that is half there is made afresh; without a network its packages are not, and that is said', async () => {
    mkdirSync(join(machine.environment, 'bin'), { recursive: true });
    const offline = await machine.install({ offline: true });
    expect(offline.code).toBe(1);
    expect(offline.stderr).toMatch(/is incomplete or no longer works; making it afresh/);
    expect(offline.stderr).toMatch(
      /error: no network: installing Python packages could not reach the package index\n {2}\S/,
    );
    expect(existsSync(join(machine.environment, 'mrpo-installed.json'))).toBe(false);
  });

  it('is gone on with next time, and needs neither pip nor the index afterwards', async () => {
    const online = await machine.install();
    expect(online.stderr).toMatch(/Python packages: done/);
    expect(online.stderr).toMatch(/Python modules: not all compiled: .*No module named/); // a miniature has no backend
    expect(online.code).toBe(0);
    expect(requirementIn(machine.environment)).toBe(true);
    expect(await machine.install({ offline: true })).toEqual({ code: 0, stderr: '' });
  });

  it('that was cut off while packages were written is made afresh, once when two want it at the same time', async () => {
    for (const file of [mark(), leftOver()]) writeFileSync(file, '');
    const both = await Promise.all([machine.install(), machine.install()]);
    expect(both.map(({ code }) => code)).toEqual([0, 0]);
    const said = both.map(({ stderr }) => stderr).join('');
    expect(said.match(/was cut off; making the environment afresh/g)).toHaveLength(1);
    expect(said.match(/Python packages: done/g)).toHaveLength(1);
    expect(said).toMatch(/another installation is running here \(process \d+\); waiting for it/);
    expect(existsSync(machine.lock)).toBe(false);
    expect([mark(), leftOver()].filter(existsSync)).toEqual([]);
    expect(requirementIn(machine.environment)).toBe(true);
  });
});

describe('a lock', () => {
  it('of a process that is gone is taken over', async () => {
    const machine = checkout();
    machine.program('python3', claims([3, 8, 10], true)); // getting as far as this is enough
    const gone = spawn(process.execPath, ['-e', '']);
    await new Promise((ended) => gone.on('close', ended));
    mkdirSync(dirname(machine.lock), { recursive: true });
    writeFileSync(machine.lock, JSON.stringify({ owner: gone.pid }));
    const { stderr } = await machine.install();
    expect(stderr).toMatch(/Python is too old/);
    expect(existsSync(machine.lock)).toBe(false);
  });

  it('of a process that lives is waited for', async () => {
    const machine = checkout();
    machine.program('python3', claims([3, 8, 10], true));
    mkdirSync(dirname(machine.lock), { recursive: true });
    writeFileSync(machine.lock, JSON.stringify({ owner: process.pid }));
    const installing = machine.install();
    await new Promise((wait) => setTimeout(wait, 1500));
    expect(JSON.parse(readFileSync(machine.lock, 'utf8'))).toEqual({ owner: process.pid });
    rmSync(machine.lock);
    const { stderr } = await installing;
    expect(stderr).toMatch(new RegExp(`process ${process.pid}\\); waiting for it[^]*Python is too old`));
  });
});
