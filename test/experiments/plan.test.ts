import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { checkMatrix, PAPER, paper, planExperiment, small, type Scale } from '../../src/experiments/index.js';
import { DEVICES } from '../../src/planning/index.js';
import { temporaryFolder, writePairs } from '../runs/support.js';
import { toyMatrix } from './support.js';

const planOf = (scale: Scale, device: string, names = Object.keys(PAPER)) =>
  planExperiment(
    names.map((name) => checkMatrix(PAPER[name]!(scale), name)),
    { device: DEVICES[device]!, out: '/nowhere', hub: () => expect.fail('the hub was asked') },
  );

describe('the plan of the whole paper', () => {
  it('adds up runs, hours, memory, disk and downloads without asking anybody', async () => {
    const plan = await planOf(paper, 'A100-80');
    expect(plan.runs).toBe(291); // 231 of the paper, 60 of the baselines that its tables do not have
    expect(plan.matrices.map(({ newCells }) => newCells).reduce((sum, next) => sum + next)).toBe(291);
    const hours = Object.fromEntries(plan.matrices.map((part) => [part.name, part.hours]));
    // 12, 96 and 40 A100 hours by hand, for other guesses of the lengths: the same size.
    expect(hours['table1']).toBeGreaterThan(6);
    expect(hours['table1']).toBeLessThan(24);
    expect(hours['table2']).toBeGreaterThan(48);
    expect(hours['table2']).toBeLessThan(200);
    expect(plan.downloads.map(({ name }) => name)).toContain('meta-llama/Llama-2-7b-chat-hf');
    expect(plan.disk.downloads / 1e9).toBeCloseTo(73.7, 0);
  });

  it('says which runs do not fit: full fine-tuning of 7 billion weights on 80 GB; on 141 GB all do', async () => {
    const tables = ['table3', 'table4', 'table8'];
    expect((await planOf(paper, 'A100-80', tables)).tooLarge).toBe(8);
    expect((await planOf(paper, 'H200', tables)).tooLarge).toBe(0);
  });

  it('takes a fraction of that at the scale "small"', async () => {
    const plan = await planOf(small, 'A100-80');
    expect(plan.runs).toBe(291);
    expect(plan.tooLarge).toBe(0);
    expect(plan.hours).toBeLessThan(24);
  });
});

it('a matrix of one’s own is planned from its files; a model without a config.json is named', async () => {
  const folder = temporaryFolder();
  writePairs(folder);
  const options = { device: DEVICES['L4']!, out: join(folder, 'out'), hub: () => expect.fail('the hub was asked') };
  await expect(planExperiment([toyMatrix(folder)], options)).rejects.toThrow('toy:policy');
});
