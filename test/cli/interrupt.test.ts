/** Ctrl-C where a command waits for something that may never come. Real processes. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { startStandalone } from '../../src/backend/standalone.js';

const MRPO = join(dirname(fileURLToPath(import.meta.url)), '../../bin/mrpo.js');

it('ends a command that reads standard input', async () => {
  const child = spawn(process.execPath, [MRPO, 'explain', '-'], { stdio: ['pipe', 'pipe', 'pipe'] });
  let notes = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    notes += text;
  });
  // Nothing tells that it waits; a signal before it listens would end it with a signal and no code.
  const again = setInterval(() => notes.includes('stopping') || child.kill('SIGINT'), 3000);
  const [code] = (await once(child, 'exit')) as [number | null];
  clearInterval(again);
  expect({ code, stopping: notes.includes('stopping') }).toEqual({ code: 130, stopping: true });
});

it('gives up the start of a backend', async () => {
  const stop = new AbortController();
  const start = startStandalone({ address: '127.0.0.1:0', signal: stop.signal });
  setTimeout(() => stop.abort(), 100);
  const begun = performance.now();
  await expect(start).rejects.toMatchObject({ code: 'aborted' });
  expect(performance.now() - begun).toBeLessThan(3000);
});
