import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { deathFault, memoryKills } from '../../src/backend/death.js';

const killed = { code: null, signal: 'SIGKILL', lastLogLines: 'loaded', killsBefore: 3 } as const;

describe('the end of a Python process', () => {
  it('is put down to memory when the system has ended a process for it meanwhile', () => {
    const fault = deathFault(killed, 4);
    expect(fault.message).toMatch(/signal SIGKILL, by the out-of-memory killer.*last log lines:\nloaded/s);
    expect(fault.hint).toMatch(/^Memory ran out/);
  });

  it.each([3, undefined])('is not, when it has not or does not say (%s)', (kills) => {
    const fault = deathFault(killed, kills);
    expect(fault.message).not.toContain('out-of-memory');
    expect(fault.hint).toMatch(/^Somebody ended it, or a limit of memory/);
  });

  it('is told as it is for every other one', async () => {
    const child = spawn('sh', ['-c', 'kill -SEGV $$']);
    const signal = await new Promise<NodeJS.Signals | null>((resolve) =>
      child.once('exit', (_, name) => resolve(name)),
    );
    const fault = deathFault({ ...killed, signal, lastLogLines: '' }, 4);
    expect(fault.message).toBe('the Python backend has ended (signal SIGSEGV). It said nothing.');
    expect(fault.hint).toBeUndefined();
  });

  it('reads the count of the kernel, where there is one', () => {
    const folder = mkdtempSync(join(tmpdir(), 'mrpo-death-'));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    writeFileSync(join(folder, 'vmstat'), 'pgfault 12\noom_kill 7\ndrop_pagecache 0\n');
    expect(memoryKills(join(folder, 'vmstat'))).toBe(7);
    expect(memoryKills(join(folder, 'none'))).toBeUndefined();
  });
});
