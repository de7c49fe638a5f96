/** The installer on machines that lack something, with real Pythons, real pip and no network. */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { spawn } from 'node:child_process';
import { dirname, join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
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

describe('a machine that has what it takes', () => {
  it('says that there is no network; the next run goes on and needs nothing afterwards', async () => {
    const machine = checkout();
    machine.realPython();
    const offline = await machine.install({ offline: true });
    expect(offline.code).toBe(1);
    expect(offline.stderr).toMatch(
      /error: no network: installing Python packages could not reach the package index\n {2}\S/,
    );
    expect(existsSync(join(machine.environment, 'mrpo-installed.json'))).toBe(false);

    const online = await machine.install();
    expect(online.stderr).toMatch(/Python packages: done/);
    expect(online.code).toBe(0);
    expect(requirementIn(machine.environment)).toBe(true);

    // Everything is in place: neither pip nor the index is asked again.
    expect(await machine.install({ offline: true })).toEqual({ code: 0, stderr: '' });
  });

  it('makes an environment afresh that was cut off while packages were written, and one that is half there', async () => {
    const machine = checkout();
    machine.realPython();
    mkdirSync(join(machine.environment, 'bin'), { recursive: true });
    const half = await machine.install();
    expect(half.stderr).toMatch(/is incomplete or no longer works; making it afresh/);
    expect(half.code).toBe(0);

    writeFileSync(join(machine.environment, 'mrpo-installing'), '');
    writeFileSync(join(machine.environment, 'left-over'), '');
    const cutOff = await machine.install();
    expect(cutOff.stderr).toMatch(/was cut off; making the environment afresh/);
    expect(cutOff.code).toBe(0);
    expect(existsSync(join(machine.environment, 'left-over'))).toBe(false);
    expect(requirementIn(machine.environment)).toBe(true);
  });

  it('installs once when started twice at the same time', async () => {
    const machine = checkout();
    machine.realPython();
    const both = await Promise.all([machine.install(), machine.install()]);
    expect(both.map(({ code }) => code)).toEqual([0, 0]);
    const said = both.map(({ stderr }) => stderr).join('');
    expect(said.match(/Python packages: done/g)).toHaveLength(1);
    expect(said).toMatch(/another installation is running here \(process \d+\); waiting for it/);
    expect(existsSync(machine.lock)).toBe(false);
  });

  it('takes over the lock of a process that is gone', async () => {
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

  it('waits for the lock of a process that lives', async () => {
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
