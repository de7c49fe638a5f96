import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { CheckResult } from '../../src/cli/doctor/finding.js';
import { checkCacheFolder, checkDisk, checkMemory, checkNode } from '../../src/cli/doctor/machine.js';
import { checkPackages, pinnedPackages } from '../../src/cli/doctor/python.js';
import { runMrpo } from '../support/run-mrpo.js';
import { testPython } from '../support/tiny-models.js';

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'mrpo-doctor-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

interface Report {
  readonly healthy: boolean;
  readonly findings: readonly CheckResult[];
}

describe('mrpo doctor', () => {
  it('finds this machine healthy, backend and device included', { timeout: 180_000 }, async () => {
    const folder = temporaryFolder();
    const env = { MRPO_PYTHON: testPython(), MRPO_CACHE_DIR: join(folder, 'cache') };
    const { code, stdout, stderr } = await runMrpo(['doctor', '--json'], { cwd: folder, env });
    expect(stderr).toBe('');
    expect(code).toBe(0);
    const { healthy, findings } = JSON.parse(stdout) as Report;
    expect(healthy).toBe(true);
    const checks = findings.map(({ check }) => check);
    expect(checks).toEqual([
      'Node.js',
      'memory',
      'disk',
      'cache folder',
      'Python',
      'Python packages',
      'backend',
      'device',
    ]);
    expect(findings.find(({ check }) => check === 'backend')?.found).toMatch(/protocol 2; can .*train/);
  });

  it('says what to do without a usable Python, and leaves out what would fail for the same reason', async () => {
    const folder = temporaryFolder();
    const env = { MRPO_PYTHON: join(folder, 'no-python'), MRPO_CACHE_DIR: folder };
    const { code, stdout, stderr } = await runMrpo(['doctor'], { cwd: folder, env });
    expect(code).toBe(1);
    expect(stdout).toMatch(/^fail {2}Python .*no-python is not an executable file\n.*fix: /m);
    expect(stdout).not.toMatch(/backend/);
    expect(stderr).toMatch(/1 of 5 checks failed: Python/);
  });

  it('reports a Python that is too old', async () => {
    const folder = temporaryFolder();
    const old = join(folder, 'python');
    writeFileSync(old, '#!/bin/sh\necho \'{"python": [3, 8, 1], "packages": {}}\'\n');
    chmodSync(old, 0o755);
    const { code, stdout } = await runMrpo(['doctor'], {
      cwd: folder,
      env: { MRPO_PYTHON: old, MRPO_CACHE_DIR: folder },
    });
    expect(code).toBe(1);
    expect(stdout).toMatch(/3\.8\.1 at .*, needed is 3\.10 or newer/);
  });

  it('reports a backend that does not answer at MRPO_BACKEND', async () => {
    const folder = temporaryFolder();
    const env = { MRPO_BACKEND: `unix:${join(folder, 'nobody')}`, MRPO_CACHE_DIR: folder };
    const { code, stdout } = await runMrpo(['doctor'], { cwd: folder, env });
    expect(code).toBe(1);
    expect(stdout).toMatch(/^fail {2}backend at unix:/m);
  });
});

describe('single checks', () => {
  it('wants Node.js 20 or newer', () => {
    expect(checkNode('18.19.0')).toMatchObject({ status: 'fail' });
    expect(checkNode('20.0.0')).toMatchObject({ status: 'ok' });
    expect(checkNode('100.1.0')).toMatchObject({ status: 'ok' });
  });

  it('warns of little memory', () => {
    expect(checkMemory(2e9, 1e9)).toMatchObject({ status: 'warn', found: '2.0 GB, 1.0 GB unused' });
    expect(checkMemory(16e9, 8e9)).toMatchObject({ status: 'ok' });
  });

  it('reads the free space of a folder', () => {
    expect(checkDisk(tmpdir()).found).toMatch(/^\d+\.\d GB free at /);
  });

  it('reports a cache folder that cannot be made', () => {
    const file = join(temporaryFolder(), 'file');
    writeFileSync(file, '');
    expect(checkCacheFolder(join(file, 'cache'))).toMatchObject({ status: 'fail' });
  });

  it('compares packages with their pins, the build label aside', () => {
    const pins = pinnedPackages(
      '# note\ntorch==2.13.0\nnumpy==2.4.6; python_version >= "3.11"\nnumpy==2.2.6; python_version < "3.11"\n',
    );
    expect([...pins]).toEqual([
      ['torch', ['2.13.0']],
      ['numpy', ['2.4.6', '2.2.6']],
    ]);
    expect(checkPackages(pins, { torch: '2.13.0+cpu', numpy: '2.2.6' })).toMatchObject({ status: 'ok' });
    expect(checkPackages(pins, { torch: '2.12.0', numpy: '2.4.6' })).toMatchObject({
      status: 'warn',
      found: 'torch 2.12.0 (tested: 2.13.0)',
    });
    expect(checkPackages(pins, { torch: null, numpy: '2.4.6' })).toMatchObject({
      status: 'fail',
      found: 'missing: torch',
    });
  });
});
