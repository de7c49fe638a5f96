import { expect, test } from 'vitest';
import type { Truncation } from '../../src/backend/backend.js';
import { createMemoryBackend } from '../../src/backend/memory.js';
import type { RunConfigInput } from '../../src/config/index.js';
import { makePair } from '../../src/data/make-pair.js';
import { scoringKey, type ScoringKey } from '../../src/references/cache/index.js';
import { scoreReferences } from '../../src/references/score.js';
import { samplePairs } from './sample-pairs.js';
import { temporaryCache, toyConfig } from './support.js';

const BASE: RunConfigInput = {
  policy: { model: 'toy:policy' },
  references: [{ model: 'policy' }, { model: 'toy:second' }],
  data: { train: 'pairs.jsonl' },
};
const PAIRS = 12;

/** Pairs computed for the references, after the base configuration was scored. */
async function rescored(change: Partial<RunConfigInput>): Promise<number[]> {
  const [backend, cache, pairs] = [createMemoryBackend(), temporaryCache(), samplePairs(PAIRS)];
  await scoreReferences({ config: toyConfig(BASE), pairs, backend, cache });
  const scores = await scoreReferences({ config: toyConfig({ ...BASE, ...change }), pairs, backend, cache });
  return scores.references.map(({ counts }) => counts.scored);
}

const second = (extra: object): Partial<RunConfigInput> => ({
  references: [{ model: 'policy' }, { model: 'toy:second', ...extra }],
});

test.each<[string, Partial<RunConfigInput>, number[]]>([
  ['another model', { references: [{ model: 'policy' }, { model: 'toy:other' }] }, [0, PAIRS]],
  ['another quantisation', second({ quantization: 'nf4' }), [0, PAIRS]],
  ['another chat template', second({ chat_template: '{{ messages }}' }), [0, PAIRS]],
  ['another max_length', { data: { train: 'pairs.jsonl', max_length: 512 } }, [PAIRS, PAIRS]],
  ['another truncation', { data: { train: 'pairs.jsonl', truncation: 'drop' } }, [PAIRS, PAIRS]],
  ['another template mode', { data: { train: 'pairs.jsonl', template: 'paper' } }, [PAIRS, PAIRS]],
  ['another policy', { policy: { model: 'toy:other' } }, [PAIRS, 0]],
])('%s is scored anew, and nothing else is', async (_what, change, expected) => {
  expect(await rescored(change)).toEqual(expected);
});

test.each<[string, Partial<RunConfigInput>]>([
  ['the same', {}],
  ['beta', { objective: { beta: 0.5 } }],
  ['epsilon', { objective: { clip: { mode: 'adaptive', epsilon_max: 0.3 } } }],
  ['the trust region off', { objective: { clip: { mode: 'off' } } }],
  ['weights', { objective: { weights: 'uniform' } }],
  ['pooling', { objective: { pooling: 'geometric' } }],
  ['normalization', { objective: { normalization: 'token' } }],
  ['the loss', { objective: { loss: 'dpo' } }],
  ['the learning rate', { training: { learning_rate: 1e-4 } }],
  ['the seed', { training: { seed: 7 } }],
  ['the batch size', { training: { batch_size: 2 } }],
  ['the output folder', { output: 'runs/elsewhere' }],
  ['the rank of the adapter', { policy: { model: 'toy:policy', lora: { r: 64 } } }],
  ['full fine-tuning', { policy: { model: 'toy:policy', lora: 'off' } }],
  ['the share held out', { data: { train: 'pairs.jsonl', eval: 0.5 } }],
  ['the name of the file', { data: { train: 'renamed.csv' } }],
  ['the name of a reference', second({ name: 'renamed' })],
  ['token ids of the policy, where both have the same tokenizer', second({ token_ids: 'policy' })],
  ['the order of references', { references: [{ model: 'toy:second' }, { model: 'policy' }] }],
  ['one reference fewer', { references: [{ model: 'toy:second' }] }],
])('a change of %s scores nothing', async (_what, change) => {
  expect((await rescored(change)).every((scored) => scored === 0)).toBe(true);
});

const identity = { weights: 'a', tokenizer: 'b', chatTemplate: 'c', numericPath: 'd', revision: 'main' };
const rule = { maxLength: 64, truncation: 'keep_start' as Truncation, template: 'chat' as const };
const base: ScoringKey = scoringKey(identity, rule);
const score = {
  text: '0'.repeat(64),
  chosen: -1,
  rejected: -2,
  promptTokens: 1,
  chosenTokens: 1,
  rejectedTokens: 1,
  flags: 0,
  unusable: undefined,
};

test.each<[keyof ScoringKey, ScoringKey]>([
  ['weights', scoringKey({ ...identity, weights: 'x' }, rule)],
  ['tokenizer', scoringKey({ ...identity, tokenizer: 'x' }, rule)],
  ['chatTemplate', scoringKey({ ...identity, chatTemplate: 'x' }, rule)],
  ['numericPath', scoringKey({ ...identity, numericPath: 'x' }, rule)],
  ['maxLength', scoringKey(identity, { ...rule, maxLength: 65 })],
  ['truncation', scoringKey(identity, { ...rule, truncation: 'paper' })],
  ['template', scoringKey(identity, { ...rule, template: 'paper' })],
])('scores of one %s are not those of another', (part, other) => {
  const cache = temporaryCache();
  cache.write(base, 'model', [score]);
  expect(other[part]).not.toBe(base[part]);
  expect(cache.read(base, [score.text]).missing).toEqual([]);
  expect(cache.read(other, [score.text]).missing).toEqual([0]);
});

test('the revision and the tokens asked back are no part of the key', () => {
  expect(scoringKey({ ...identity, revision: 'other' }, { ...rule, returnTokens: true })).toEqual(base);
});

test('every part of the text of a pair is part of its key', async () => {
  const say = (role: string, content: string) => [{ role, content }];
  const pair = {
    prompt: say('user', 'question'),
    chosen: say('assistant', 'good'),
    rejected: say('assistant', 'bad'),
    plain: false,
  };
  const changed = [
    { ...pair, prompt: say('user', 'Question') },
    { ...pair, prompt: say('system', 'question') },
    { ...pair, chosen: say('assistant', 'good ') },
    { ...pair, rejected: say('assistant', 'bäd') },
    { ...pair, chosen: pair.rejected, rejected: pair.chosen },
    { ...pair, plain: true },
  ].map((draft, line) => makePair(draft, line));
  const [backend, cache] = [createMemoryBackend(), temporaryCache()];
  const config = toyConfig({ references: [{ model: 'policy' }] });
  await scoreReferences({ config, pairs: [makePair(pair, 1)], backend, cache });
  const scores = await scoreReferences({ config, pairs: changed, backend, cache });
  expect(scores.references[0]?.counts).toEqual({ scored: changed.length, cached: 0, missing: 0 });
});

test('the line and the file of a pair are no part of its key', async () => {
  const [backend, cache] = [createMemoryBackend(), temporaryCache()];
  const config = toyConfig({ references: [{ model: 'policy' }] });
  const pairs = samplePairs(5);
  await scoreReferences({ config, pairs, backend, cache });
  const moved = pairs.map((pair) => ({ ...pair, line: pair.line + 1000 })).reverse();
  expect((await scoreReferences({ config, pairs: moved, backend, cache })).references[0]?.counts).toEqual({
    scored: 0,
    cached: 5,
    missing: 0,
  });
});
