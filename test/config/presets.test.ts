import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

import { loadConfig, PRESETS, presetNames } from '../../src/config/index.js';
import { configKeyPaths } from '../../src/config/json-schema.js';
import { formatPath } from '../../src/config/path.js';

const load = (preset: string) =>
  loadConfig({
    text: `preset: ${preset}\ndata: { train: pairs.jsonl }\npolicy: { model: org/base }`,
    env: {},
    cwd: '/',
  }).config;

describe('presets', () => {
  it.each(presetNames())('%s loads with a policy and a data file', (name) => {
    expect(load(name).policy.model).toBe('org/base');
  });

  it('have names of their own and one line each', () => {
    expect(new Set(presetNames()).size).toBe(PRESETS.length);
    for (const { summary } of PRESETS) expect(summary).toMatch(/^[^\n]{20,130}\.$/);
  });

  it("the paper's are complete but for the data", () => {
    const { config } = loadConfig({ text: 'preset: paper-big\ndata: { train: pairs.jsonl }', env: {}, cwd: '/' });
    expect(config).toMatchObject({
      policy: {
        model: 'meta-llama/Llama-2-7b-chat-hf',
        quantization: 'none',
        dtype: 'float16',
        lora: { r: 8, alpha: 16, dropout: 0, target_modules: ['q_proj', 'v_proj'] },
      },
      references: [
        { name: 'RefM1', model: 'policy', quantization: 'none', dtype: 'float16' },
        { name: 'RefM2', model: 'teknium/OpenHermes-2.5-Mistral-7B', quantization: 'nf4', dtype: 'float16' },
      ],
      data: { eval: 0.1, max_length: 1024, truncation: 'paper', template: 'paper' },
      objective: {
        loss: 'mrpo',
        beta: 0.1,
        clip: { mode: 'adaptive', epsilon_max: 0.1 },
        weights: 'arwc',
        pooling: 'harmonic',
        label_smoothing: 0,
      },
      training: {
        learning_rate: 1e-5,
        lr_scheduler_type: 'cosine',
        warmup_ratio: 0,
        epochs: 1,
        batch_size: 8,
        optim: 'adamw',
        adam_beta1: 0.9,
        adam_beta2: 0.999,
        adam_epsilon: 1e-8,
        weight_decay: 0,
        max_grad_norm: 1,
      },
    });
    expect(load('paper-small').training.epochs).toBe(3);
  });
});

describe('every key of the configuration', () => {
  const src = fileURLToPath(new URL('../../src/', import.meta.url));
  const sources = readdirSync(src, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && !/^(gen|config\/(schema|presets|starter))/.test(file))
    .map((file) => readFileSync(join(src, file), 'utf8'))
    .join('\n');
  const keys = configKeyPaths().filter((path) => formatPath(path) !== '$schema');

  it.each(keys.map(formatPath))('%s is read somewhere', (name) => {
    const key = name.split('.').at(-1) ?? '';
    expect(sources).toMatch(new RegExp(`(\\.|\\?\\.|[{,]\\s*|\\[')${key}\\b`));
  });
});
