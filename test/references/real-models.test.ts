/** Scores of real models: a folder is known by its content, and one changed bit of it is noticed. */
import {
  copyFileSync,
  cpSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  statSync,
  closeSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { Backend } from '../../src/backend/backend.js';
import { launchBackend } from '../../src/backend/launch.js';
import { scoreReferences } from '../../src/references/score.js';
import { testPython, tinyModel } from '../support/tiny-models.js';
import { samplePairs } from './sample-pairs.js';
import { temporaryCache, temporaryFolder, toyConfig } from './support.js';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 }); // ms; Python starts once, each model loads in a second

const PAIRS = 8;

let backend: Backend;
beforeAll(async () => {
  backend = await launchBackend({ python: testPython(), threads: 1 });
});
afterAll(() => backend.close());

/** A policy that stays as it is beside one reference, a copy of the tiny Qwen2 that a test may change. */
function bench() {
  const folder = temporaryFolder();
  const copy = join(folder, 'reference');
  cpSync(tinyModel('qwen2'), copy, { recursive: true });
  const cache = temporaryCache();
  const pairs = samplePairs(PAIRS);
  const score = async (reference: string) => {
    const config = toyConfig({
      policy: { model: tinyModel('llama') },
      references: [{ model: 'policy' }, { name: 'reference', model: reference }],
      data: { train: 'pairs.jsonl', max_length: 256 },
    });
    return (await scoreReferences({ config, pairs, backend, cache })).references;
  };
  const scoredBy = async (reference: string): Promise<number[]> =>
    (await score(reference)).map(({ counts }) => counts.scored);
  return { folder, copy, score, scoredBy };
}

/** Flips the lowest bit of the last byte: one weight of one tensor changes. */
function changeOneWeight(file: string): void {
  const descriptor = openSync(file, 'r+');
  const byte = Buffer.alloc(1);
  const last = statSync(file).size - 1;
  readSync(descriptor, byte, 0, 1, last);
  byte[0] = byte[0]! ^ 1;
  writeSync(descriptor, byte, 0, 1, last);
  closeSync(descriptor);
}

function editJson(file: string, change: (content: Record<string, unknown>) => void): void {
  const content = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>;
  change(content);
  writeFileSync(file, JSON.stringify(content));
}

test('moving, renaming and copying a folder scores nothing', async () => {
  const { folder, copy, scoredBy } = bench();
  expect(await scoredBy(copy)).toEqual([PAIRS, PAIRS]);
  const moved = join(folder, 'renamed');
  renameSync(copy, moved);
  expect(await scoredBy(moved)).toEqual([0, 0]);
  const copied = join(folder, 'copied');
  cpSync(moved, copied, { recursive: true });
  expect(await scoredBy(copied)).toEqual([0, 0]);
  expect(await scoredBy(tinyModel('qwen2'))).toEqual([0, 0]);
});

test('one changed weight scores all of that reference anew and nothing else; put back, nothing', async () => {
  const { folder, copy, score, scoredBy } = bench();
  const first = await score(copy);
  const weights = join(copy, 'model.safetensors');
  copyFileSync(weights, join(folder, 'before'));
  changeOneWeight(weights);
  const second = await score(copy);
  expect(second.map(({ counts }) => counts.scored)).toEqual([0, PAIRS]);
  expect(second[1]?.identity.weights).not.toBe(first[1]?.identity.weights);
  expect(second[1]?.identity.tokenizer).toBe(first[1]?.identity.tokenizer);
  copyFileSync(join(folder, 'before'), weights);
  expect(await scoredBy(copy)).toEqual([0, 0]);
});

test('a changed tokenizer or chat template scores that reference anew; a file that decides nothing does not', async () => {
  const { copy, scoredBy } = bench();
  expect(await scoredBy(copy)).toEqual([PAIRS, PAIRS]);
  writeFileSync(join(copy, 'README.md'), 'about this model');
  expect(await scoredBy(copy)).toEqual([0, 0]);
  const template = join(copy, 'chat_template.jinja');
  writeFileSync(template, readFileSync(template, 'utf8').replace('<|im_end|>', '<|im_end|> '));
  expect(await scoredBy(copy)).toEqual([0, PAIRS]);
  editJson(join(copy, 'tokenizer.json'), (tokenizer) => (tokenizer['normalizer'] = { type: 'Lowercase' }));
  expect(await scoredBy(copy)).toEqual([0, PAIRS]);
});
