import { expect, test } from 'vitest';
import { createMemoryBackend } from '../../src/backend/memory.js';
import { makePair } from '../../src/data/make-pair.js';
import type { ScoringEvent } from '../../src/references/events.js';
import { unusablePairs } from '../../src/references/reference-scores.js';
import { scoreReferences } from '../../src/references/score.js';
import { samplePairs } from './sample-pairs.js';
import { temporaryCache, toyConfig, watchedBackend } from './support.js';

const countsOf = (scores: Awaited<ReturnType<typeof scoreReferences>>) =>
  scores.references.map(({ name, counts }) => [name, counts.scored, counts.cached]);

test('scores every reference once, one in memory at a time, and never again', async () => {
  const { backend, loaded, inMemory } = watchedBackend();
  const cache = temporaryCache();
  const pairs = samplePairs(40);
  const first = await scoreReferences({ config: toyConfig(), pairs, backend, cache });
  expect(countsOf(first)).toEqual([
    ['policy', 40, 0],
    ['toy-second', 40, 0],
    ['toy-third', 40, 0],
  ]);
  expect(loaded).toEqual(['toy:policy', 'toy:second', 'toy:third']);
  expect(inMemory()).toBe(0);

  const second = await scoreReferences({ config: toyConfig(), pairs, backend, cache });
  expect(countsOf(second)).toEqual([
    ['policy', 0, 40],
    ['toy-second', 0, 40],
    ['toy-third', 0, 40],
  ]);
  expect(loaded).toHaveLength(3);
  expect(second.references.map((r) => r.columns)).toEqual(first.references.map((r) => r.columns));
});

test('gives the very numbers that the backend gives, in the order of the pairs', async () => {
  const backend = createMemoryBackend();
  const config = toyConfig();
  const pairs = samplePairs(25);
  const { references } = await scoreReferences({ config, pairs, backend, cache: temporaryCache() });
  const model = await backend.loadModel({ source: 'toy:second', quantization: 'none' });
  const rows = await backend.registerRows(model.handle, pairs, {
    maxLength: 1024,
    truncation: 'keep_start',
    template: 'chat',
  });
  const chosen = new Float64Array(pairs.length);
  for await (const chunk of backend.score(rows.handle)) {
    chunk.rows.forEach((row, i) => (chosen[row] = chunk.logps.chosen[i] ?? NaN));
  }
  expect(references[1]?.columns.chosen.logps).toEqual(chosen);
  expect([...(references[1]?.columns.chosen.tokens ?? [])]).toEqual(rows.rows.map((row) => row.chosenTokens));
});

test('scores only the rows, and only the reference, that are new', async () => {
  const { backend, loaded } = watchedBackend();
  const cache = temporaryCache();
  const two = toyConfig({ references: [{ model: 'policy' }, { model: 'toy:second' }] });
  await scoreReferences({ config: two, pairs: samplePairs(30), backend, cache });
  const more = await scoreReferences({ config: two, pairs: samplePairs(35), backend, cache });
  expect(countsOf(more)).toEqual([
    ['policy', 5, 30],
    ['toy-second', 5, 30],
  ]);
  loaded.length = 0;
  const three = await scoreReferences({ config: toyConfig(), pairs: samplePairs(35), backend, cache });
  expect(countsOf(three).map(([, scored]) => scored)).toEqual([0, 0, 35]);
  expect(loaded).toEqual(['toy:third']);
});

test('scores a model once that appears under several names, and equal pairs once', async () => {
  const { backend, loaded } = watchedBackend();
  const config = toyConfig({ references: [{ model: 'policy' }, { model: 'toy:policy', name: 'again' }] });
  const pairs = [...samplePairs(10), ...samplePairs(10)];
  const scores = await scoreReferences({ config, pairs, backend, cache: temporaryCache() });
  expect(loaded).toEqual(['toy:policy']);
  expect(countsOf(scores)).toEqual([
    ['policy', 20, 0],
    ['again', 0, 20],
  ]);
  const logps = scores.references[0]?.columns.chosen.logps ?? new Float64Array();
  expect(logps.slice(0, 10)).toEqual(logps.slice(10));
});

test("finds the policy's start among the references, and scores it beside them on request", async () => {
  const backend = createMemoryBackend();
  const cache = temporaryCache();
  const pairs = samplePairs(8);
  const outside = toyConfig({ references: [{ model: 'toy:second' }] });
  expect((await scoreReferences({ config: outside, pairs, backend, cache })).policyStart).toBeUndefined();
  const asked = await scoreReferences({ config: outside, pairs, backend, cache, withPolicy: true });
  expect(asked.references.map((r) => r.name)).toEqual(['toy-second']);
  expect(asked.policyStart?.counts).toEqual({ scored: 8, cached: 0, missing: 0 });
  const within = await scoreReferences({ config: toyConfig(), pairs, backend, cache });
  expect(within.policyStart).toBe(within.references[0]);
  expect(within.policyStart?.columns).toEqual(asked.policyStart?.columns);
});

test('names the rows that have no log-probs, keeps the reason, and leaves them out of the usable ones', async () => {
  const { backend, loaded } = watchedBackend({ brokenText: 'answer 3:' });
  const cache = temporaryCache();
  const pairs = samplePairs(6);
  const config = toyConfig({ data: { train: 'pairs.jsonl', max_length: 150, truncation: 'drop' } });
  const response = (content: string) => [{ role: 'assistant', content }];
  const longPrompt = [{ role: 'user', content: 'long '.repeat(50) }];
  const longPair = makePair(
    { prompt: longPrompt, chosen: response('yes'), rejected: response('no'), plain: false },
    51,
  );
  const first = await scoreReferences({ config, pairs: [...pairs, longPair], backend, cache });
  expect(first.usable).toEqual([0, 1, 2, 4, 5]);
  const [reference] = first.references;
  expect(reference && unusablePairs(reference, [...pairs, longPair])).toEqual([
    { index: 3, line: 4, reason: 'log-prob of the chosen response is NaN' },
    { index: 6, line: 51, reason: 'too_long' },
  ]);
  expect(first.references[0]?.columns.chosen.logps[3]).toBeNaN();
  const before = loaded.length;
  const second = await scoreReferences({ config, pairs: [...pairs, longPair], backend, cache });
  expect(second.references[0]?.unusable).toEqual(first.references[0]?.unusable);
  expect(second.references[0]?.counts).toEqual({ scored: 0, cached: 5, missing: 0 });
  expect(loaded).toHaveLength(before);
});

test('tells how far it is over all references', async () => {
  const events: [ScoringEvent, { done: number; total: number; secondsLeft: number | undefined } | undefined][] = [];
  await scoreReferences({
    config: toyConfig(),
    pairs: samplePairs(20),
    backend: createMemoryBackend(),
    cache: temporaryCache(),
    onEvent: (event, progress) => events.push([event, progress]),
  });
  const progress = events.flatMap(([event, at]) => (event.kind === 'scored' && at !== undefined ? [at] : []));
  expect(progress.map(({ done, total }) => [done, total])).toEqual([16, 20, 36, 40, 56, 60].map((done) => [done, 60]));
  expect(progress.at(-1)?.secondsLeft).toBe(0);
  expect(progress[0]?.secondsLeft).toBeGreaterThan(0);
});

test('keeps what was finished when it is stopped, and goes on from there', async () => {
  const { backend } = watchedBackend();
  const cache = temporaryCache();
  const pairs = samplePairs(64);
  const stop = new AbortController();
  const running = scoreReferences({
    config: toyConfig(),
    pairs,
    backend,
    cache,
    signal: stop.signal,
    onEvent: (event) => {
      if (event.kind === 'scored' && event.model === 'toy-second' && event.done >= 32) stop.abort();
    },
  });
  await expect(running).rejects.toMatchObject({ code: 'aborted' });
  const resumed = await scoreReferences({ config: toyConfig(), pairs, backend, cache });
  expect(countsOf(resumed)).toEqual([
    ['policy', 0, 64],
    ['toy-second', 32, 32],
    ['toy-third', 64, 0],
  ]);
});
