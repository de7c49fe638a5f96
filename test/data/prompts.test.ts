/** Which prompts are the same, and what is said of how answers to one became pairs. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readPreferenceData } from '../../src/data/index.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'mrpo-prompts-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function file(rows: readonly object[]): string {
  const path = join(folder, 'rows.jsonl');
  writeFileSync(path, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  return path;
}

describe('a prompt that is the common beginning of whole texts', () => {
  const texts = (chosen: string, rejected: string): object => ({
    chosen: `Q: How many? A: ${chosen}`,
    rejected: `Q: How many? A: ${rejected}`,
  });

  it('is the same prompt wherever the answers part', async () => {
    const { pairs } = await readPreferenceData(
      file([texts('two', 'three'), texts('yes', 'no'), texts('two dogs', 'two cats')]),
    );
    expect(pairs.map(({ prompt }) => prompt[0]?.content)).toEqual([
      'Q: How many? A: t',
      'Q: How many? A:',
      'Q: How many? A: two',
    ]);
    expect(pairs[0]?.promptId).toBe(pairs[1]?.promptId);
    expect(new Set(pairs.map(({ id }) => id)).size).toBe(3);
  });

  it('still tells pairs apart that share their ends only', async () => {
    const { pairs } = await readPreferenceData(
      file([
        { chosen: 'Say tall', rejected: 'Say talk' },
        { chosen: 'Say ball', rejected: 'Say balk' },
      ]),
    );
    expect(pairs[0]?.promptId).toBe(pairs[1]?.promptId);
    expect(pairs[0]?.id).not.toBe(pairs[1]?.id);
  });

  it('is found again in a pair that says the opposite', async () => {
    const { contradictions } = await readPreferenceData(file([texts('two', 'three'), texts('three', 'two')]));
    expect(contradictions).toBe(1);
  });

  it('of one word or none is told apart by its text', async () => {
    const { pairs } = await readPreferenceData(
      file([
        { chosen: 'Thou', rejected: 'That' },
        { chosen: 'Some', rejected: 'Sore' },
      ]),
    );
    expect(pairs[0]?.promptId).not.toBe(pairs[1]?.promptId);
  });
});

describe('the rule of pairing', () => {
  const answers = { prompt: 'p', completions: ['good', 'bad', 'worse'], scores: [3, 2, 1] };

  it('is told with the number of prompts', async () => {
    const rows = file([answers, { ...answers, prompt: 'q' }]);
    expect((await readPreferenceData(rows)).notes).toContain('the answers to 2 prompts are paired best-vs-worst');
    expect((await readPreferenceData(rows, { pairing: 'all' })).notes).toContain(
      'the answers to 2 prompts are paired all',
    );
  });

  it('is not told of pairs that were pairs', async () => {
    const { notes } = await readPreferenceData(file([{ prompt: 'p', chosen: 'a', rejected: 'b' }]));
    expect(notes.join()).not.toContain('paired');
  });
});
