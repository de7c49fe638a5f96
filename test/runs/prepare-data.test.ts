/** What a run says of its data files together. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { loadConfig } from '../../src/config/index.js';
import { preparePairs } from '../../src/runs/prepare-data.js';

it('adds up what is dropped for the same reason in several files', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'mrpo-test-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const row = (prompt: string, chosen: string): string => JSON.stringify({ prompt, chosen, rejected: 'no' });
  const write = async (name: string, good: number, bad: number): Promise<string> => {
    const rows = [
      ...Array.from({ length: good }, (_, i) => row(`${name} ${i}`, 'yes')),
      ...Array.from({ length: bad }, (_, i) => row(`${name} bad ${i}`, 'no')),
    ];
    await writeFile(join(folder, name), rows.join('\n'));
    return join(folder, name);
  };
  const train = [await write('a.jsonl', 4, 3), await write('b.jsonl', 4, 2)];
  const object = { policy: { model: 'any' }, data: { train }, output: join(folder, 'run') };
  const { config } = loadConfig({ object, env: {} });
  const notes: string[] = [];
  const open = (): never => {
    throw new Error('no backend is needed for files');
  };
  const { dropped, train: pairs } = await preparePairs(config, { open, note: (text) => notes.push(text) });
  expect(pairs).toHaveLength(8);
  expect(Object.values(dropped)).toEqual([5]);
  expect(notes.filter((note) => /dropped/.test(note))).toHaveLength(2);
});
