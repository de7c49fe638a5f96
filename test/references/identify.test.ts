/** Which model a specification means, when its files are here, elsewhere, or were imported under the same name. */
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { contentHash } from '../../src/core/hash.js';
import { exportCache, importCache, openLogpCache, type LogpCache } from '../../src/references/cache/index.js';
import { identifyForReport, importedNumericPath } from '../../src/references/identify.js';
import { fingerprintModel } from '../../src/references/model-files.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'mrpo-identify-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function modelFolder(name: string, content = '{}'): string {
  const path = join(folder, name);
  mkdirSync(path, { recursive: true });
  writeFileSync(join(path, 'config.json'), content);
  return path;
}

describe('an imported model', () => {
  const hex = (digit: number): string => String(digit).repeat(64);
  const identity = {
    weights: hex(1),
    tokenizer: hex(2),
    chatTemplate: hex(3),
    numericPath: 'cuda bfloat16',
    revision: '',
  };
  let cache: LogpCache;

  beforeEach(async () => {
    const elsewhere = openLogpCache({ path: join(folder, 'elsewhere.sqlite') });
    elsewhere.remember({ spec: { source: '/gpu/models/llama' }, files: 'there', identity });
    const key = { ...identity, maxLength: 512, truncation: 'keep_start', template: 'chat' } as const;
    elsewhere.write(key, '/gpu/models/llama', [
      {
        text: hex(4),
        chosen: -1,
        rejected: -2,
        promptTokens: 3,
        chosenTokens: 1,
        rejectedTokens: 1,
        flags: 0,
        unusable: undefined,
      },
    ]);
    await exportCache(elsewhere, join(folder, 'scores.parquet'));
    elsewhere.close();
    cache = openLogpCache({ path: join(folder, 'here.sqlite') });
    await importCache(cache, join(folder, 'scores.parquet'));
  });
  afterEach(() => cache.close());

  test('stands for one of its name that is not on this machine', async () => {
    expect(await identifyForReport({ source: join(folder, 'llama') }, cache)).toEqual({ identity, from: 'imported' });
  });

  test('gives its scores to the same model on other hardware, and none that mean something else by now', () => {
    const spec = { source: '/gpu/models/llama' };
    const here = { ...identity, numericPath: 'cpu float32' };
    expect(importedNumericPath(spec, here, cache)).toBe('cuda bfloat16');
    expect(importedNumericPath(spec, { ...here, numericPath: 'cpu float32; by-own-length' }, cache)).toBeUndefined();
  });

  test('never stands for one that is here and may be another', async () => {
    const source = modelFolder('llama', '{"model_type":"qwen2"}');
    await expect(identifyForReport({ source }, cache)).rejects.toThrow('not scored yet on this machine');
  });
});

test('what a version without the marks of today remembers of a model is not gone by', () => {
  const source = modelFolder('model');
  const file = join(source, 'config.json');
  const { size, ino, mtimeNs, ctimeNs } = statSync(file, { bigint: true });
  const before = contentHash([[[file, size, ino, mtimeNs, ctimeNs].join(' ')]]);
  expect(fingerprintModel({ source })).not.toBe(before);
});

test('the tokenizer that a model is given is part of its fingerprint', () => {
  const [source, tokenizer] = [modelFolder('model'), modelFolder('words')];
  const before = fingerprintModel({ source, tokenizer });
  expect(before).not.toBe(fingerprintModel({ source }));
  writeFileSync(join(tokenizer, 'tokenizer.json'), '{}');
  expect(fingerprintModel({ source, tokenizer })).not.toBe(before);
  expect(fingerprintModel({ source, tokenizer: join(folder, 'nowhere') })).toBeUndefined();
});
