/** One model scored on several backends at once: the same rows as on one, whatever becomes of the others. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test, vi } from 'vitest';
import { BackendFault } from '../../src/backend/fault.js';
import type { Backend, ModelSpec, TokenRule } from '../../src/backend/backend.js';
import { createMemoryBackend } from '../../src/backend/memory.js';
import type { ScoringEvent } from '../../src/references/events.js';
import { scoreText, type PairScore } from '../../src/references/cache/index.js';
import { tokenRule } from '../../src/references/reference-scores.js';
import { scoreModel } from '../../src/references/score-model.js';
import { scoreReferences } from '../../src/references/score.js';
import {
  poolOf,
  shareOut,
  worthHelping,
  type HelperPool,
  type ScoringHelper,
  type Share,
} from '../../src/references/shares.js';
import { samplePairs } from './sample-pairs.js';
import { temporaryCache, toyConfig } from './support.js';

const PAIRS = samplePairs(400);
const ONE = toyConfig({ references: [{ model: 'toy:second' }] });

interface Counted {
  readonly backend: Backend;
  /** Pairs that it scored, and models that it has in memory. */
  readonly seen: { pairs: number; models: number; loads: number };
}

/** @param before Called before each chunk that is given, with the pairs given until then. */
function counted(before: (pairs: number) => Promise<void> = () => sleep(1)): Counted {
  const inner = createMemoryBackend();
  const seen = { pairs: 0, models: 0, loads: 0 };
  const backend: Backend = {
    ...inner,
    async loadModel(spec, call) {
      const model = await inner.loadModel(spec, call);
      seen.models += 1;
      seen.loads += 1;
      return model;
    },
    async unloadModel(handle) {
      seen.models -= 1;
      await inner.unloadModel(handle);
    },
    async *score(rowSet, call) {
      for await (const chunk of inner.score(rowSet, call)) {
        await before(seen.pairs);
        call?.signal?.throwIfAborted();
        seen.pairs += chunk.rows.length;
        yield chunk;
      }
    },
  };
  return { backend, seen };
}

const helper = (name: string, { backend }: Counted): ScoringHelper => ({ name, open: async () => backend });
const broken = (): Promise<void> => Promise.reject(new BackendFault('died', 'its process has ended'));

async function score(
  main: Counted,
  helpers: readonly ScoringHelper[] | HelperPool,
  signal?: AbortSignal,
  config = ONE,
) {
  const events: ScoringEvent[] = [];
  const cache = temporaryCache();
  const onEvent = (event: ScoringEvent): void => void events.push(event);
  const run = {
    config,
    pairs: PAIRS,
    backend: main.backend,
    helpers: 'ask' in helpers ? helpers : poolOf(helpers),
    cache,
    onEvent,
    signal,
  };
  const { references } = await scoreReferences(run);
  return { reference: references[0], events };
}

/** What one backend gives. */
async function alone() {
  return (await score(counted(), [])).reference;
}

test('every backend has a part of it, no pair is scored twice, the numbers are those of one backend', async () => {
  const all = [counted(), counted(), counted()] as const;
  const { reference, events } = await score(all[0], [helper('b', all[1]), helper('c', all[2])]);
  expect(reference?.columns).toEqual((await alone())?.columns);
  expect(reference?.counts).toEqual({ scored: 400, cached: 0, missing: 0 });
  for (const { seen } of all) expect(seen.pairs).toBeGreaterThan(64);
  expect(all.map(({ seen }) => seen.pairs).reduce((a, b) => a + b)).toBe(400);
  expect(all.map(({ seen }) => seen.models)).toEqual([0, 0, 0]);
  const done = events.flatMap((event) => (event.kind === 'scored' ? [event.done] : []));
  expect(done).toEqual([...done].sort((a, b) => a - b));
  expect(done.at(-1)).toBe(400);
});

test('a helper that dies, cannot be had or has other weights costs no score', async () => {
  const main = counted();
  const dies = counted((pairs) => (pairs < 16 ? sleep(1) : broken()));
  const other = counted();
  const loadModel: Backend['loadModel'] = async (spec, call) => {
    const model = await other.backend.loadModel(spec, call);
    return { ...model, identity: { ...model.identity, numericPath: 'another GPU' } };
  };
  const { reference, events } = await score(main, [
    helper('dies', dies),
    { name: 'away', open: () => Promise.reject(new BackendFault('unreachable', 'nobody answers')) },
    { name: 'differs', open: async () => ({ ...other.backend, loadModel }) },
  ]);
  expect(reference?.columns).toEqual((await alone())?.columns);
  expect(reference?.counts).toEqual({ scored: 400, cached: 0, missing: 0 });
  expect([main.seen.pairs, dies.seen.pairs, other.seen.pairs]).toEqual([384, 16, 0]);
  expect([main.seen.models, dies.seen.models, other.seen.models]).toEqual([0, 0, 0]);
  expect(main.seen.loads).toBe(1); // what the others left was done before it let go of the model
  const lost = events.flatMap((event) => (event.kind === 'helper_lost' ? [[event.helper, event.reason]] : []));
  expect(lost.sort()).toEqual([
    ['away', 'nobody answers'],
    ['dies', 'its process has ended'],
    ['differs', expect.stringContaining('numericPath')],
  ]);
});

test('the failure of the backend itself, and a stop, end the helpers too', async () => {
  const slow = counted(() => sleep(30));
  const dies = counted((pairs) => (pairs < 16 ? sleep(1) : broken()));
  await expect(score(dies, [helper('slow', slow)])).rejects.toMatchObject({ reason: 'died' });
  expect(slow.seen.models).toBe(0);
  expect(slow.seen.pairs).toBeLessThan(100);

  const stop = new AbortController();
  const [first, second] = [counted((pairs) => (pairs >= 32 && stop.abort(), sleep(1))), counted()];
  await expect(score(first, [helper('second', second)], stop.signal)).rejects.toThrow();
  expect([first.seen.models, second.seen.models]).toEqual([0, 0]);
});

test('nobody waits for a helper that is still getting ready when nothing is left to take', async () => {
  const [loads, dials] = [counted(), counted()];
  const loadModel: Backend['loadModel'] = async (spec, call) => {
    await sleep(60_000, undefined, call?.signal && { signal: call.signal });
    return loads.backend.loadModel(spec, call);
  };
  const { reference, events } = await score(counted(), [
    { name: 'loads', open: async () => ({ ...loads.backend, loadModel }) },
    { name: 'dials', open: () => sleep(60_000, dials.backend, { ref: false }) },
  ]);
  expect(reference?.columns).toEqual((await alone())?.columns);
  expect(events.filter(({ kind }) => kind === 'helper_lost')).toEqual([]);
  expect([loads.seen.models, dials.seen.models]).toEqual([0, 0]);
});

test('a helper of another kind loads nothing, and one that has failed is not asked for the next reference', async () => {
  const two = toyConfig({ references: [{ model: 'toy:second' }, { model: 'toy:third' }] });
  const [gpu, differs, dies] = [counted(), counted(), counted(broken)];
  const loadModel = vi.fn<Backend['loadModel']>(async (spec, call) => {
    const model = await differs.backend.loadModel(spec, call);
    return { ...model, identity: { ...model.identity, numericPath: 'another way' } };
  });
  const info: Backend['info'] = async () => ({
    ...(await gpu.backend.info()),
    device: 'cuda:0',
    deviceName: 'H200',
    versions: { torch: '2.13.0+cu130' },
  });
  const loadOnGpu = vi.fn(gpu.backend.loadModel);
  const opened = vi.fn(async () => dies.backend);
  const helpers = [
    { name: 'gpu', open: async () => ({ ...gpu.backend, info, loadModel: loadOnGpu }) },
    { name: 'differs', open: async () => ({ ...differs.backend, loadModel }) },
    { name: 'dies', open: opened },
  ];
  const { reference, events } = await score(counted(), helpers, undefined, two);
  expect(reference?.columns).toEqual((await alone())?.columns);
  const lost = events.flatMap((event) => (event.kind === 'helper_lost' ? [`${event.helper}: ${event.reason}`] : []));
  expect(lost).toHaveLength(3);
  expect(lost).toContain(
    'gpu: it computes on cuda H200 with torch 2.13.0, expected memory: its log-probs would be others',
  );
  expect(loadOnGpu).not.toHaveBeenCalled();
  expect(loadModel).toHaveBeenCalledOnce();
  expect(opened).toHaveBeenCalledOnce();
});

test('a helper that is wanted back lets go at once; one that comes late still gets a part', async () => {
  const recall = new AbortController();
  const main = counted(() => sleep(20)); // whoever comes waits for the end of its chunk
  const goes = counted(async (pairs) => {
    await sleep(1);
    if (pairs >= 16) recall.abort();
  });
  const comes = counted();
  const given: (readonly [string, number])[] = [];
  const lent = (name: string, what: Counted, recalled?: AbortSignal): ScoringHelper => ({
    ...helper(name, what),
    recalled,
    giveBack: () => void given.push([name, what.seen.models]),
  });
  let over = 0;
  const pool: HelperPool = {
    ask(most, _, join) {
      expect(most).toBe(5);
      join([lent('goes', goes, recall.signal)]);
      recall.signal.addEventListener('abort', () => setTimeout(() => join([lent('comes', comes)]), 150)); // main has the rest by then
      return () => void (over = given.length);
    },
  };
  const { reference, events } = await score(main, pool);
  expect(reference?.columns).toEqual((await alone())?.columns);
  expect(reference?.counts).toEqual({ scored: 400, cached: 0, missing: 0 });
  expect(given).toEqual([
    ['goes', 0],
    ['comes', 0],
  ]);
  expect(over).toBe(2);
  expect(goes.seen.pairs).toBeLessThan(50);
  expect(comes.seen.pairs).toBeGreaterThan(64);
  expect(main.seen.pairs + goes.seen.pairs + comes.seen.pairs).toBe(400);
  expect(main.seen.loads).toBe(1);
  expect(events.filter(({ kind }) => kind === 'helper_lost')).toEqual([]);
});

test('another process that scores the model is waited for while that brings something, and told of once', async () => {
  const cache = temporaryCache();
  const spec = { source: 'toy:second' } as ModelSpec;
  const { backend } = counted();
  const base = { spec, rule: tokenRule(ONE.data), backend, cache };
  const { key } = await scoreModel({ ...base, pairs: PAIRS.slice(0, 1) });
  const attempt = cache.claim(key, 'another');
  if (!('claim' in attempt)) throw new Error('it is held already');
  const events: ScoringEvent[] = [];
  const onEvent = (event: ScoringEvent): void => void events.push(event);
  const waiting = { ...base, patienceMs: 30, onEvent };
  expect((await scoreModel({ ...waiting, pairs: PAIRS.slice(0, 100) })).scored).toBe(99); // few: twice costs little
  expect(events.filter(({ kind }) => kind === 'waiting')).toHaveLength(1);

  let over = false;
  const many = scoreModel({ ...waiting, pairs: PAIRS.slice(100, 300) }).finally(() => (over = true));
  await sleep(200);
  expect(over).toBe(false); // it may have the same pairs, and has yet to begin
  cache.write(key, 'another', [{ ...scoreOf(PAIRS[399], base.rule) }]);
  expect((await many).scored).toBe(200); // it has others
  attempt.claim.release();
});

const scoreOf = (pair: (typeof PAIRS)[number] | undefined, rule: TokenRule): PairScore => ({
  text: pair === undefined ? '' : scoreText(pair, rule),
  ...{ chosen: -1, rejected: -2, promptTokens: 1, chosenTokens: 1, rejectedTokens: 1, flags: 0, unusable: undefined },
});

test('a few pairs are not worth loading a model again', () => {
  expect([0, 127, 128, 200, 10_000].map((pairs) => worthHelping(pairs, 3))).toEqual([0, 0, 1, 2, 3]);
});

test('shares: everything for one, smaller ones for several, what comes back once more', async () => {
  const three = [5, 6, 7];
  const alone = shareOut(three);
  const all = alone.take() as Share;
  expect(all.positions).toEqual(three);
  expect(alone.take()).toBeUndefined();
  expect(alone.isTooMuch(all)).toBe(false);
  expect(await alone.takeSoon(new AbortController().signal)).toBeUndefined();
  alone.join();
  expect(alone.isTooMuch(all)).toBe(true);
  const stop = new AbortController();
  const [stopped, soon, last] = [
    alone.takeSoon(stop.signal),
    alone.takeSoon(new AbortController().signal),
    alone.takeLast(),
  ];
  stop.abort();
  expect(await stopped).toBeUndefined(); // and takes nothing any more
  all.rest.delete(5);
  alone.done(all);
  const [one, other] = (await Promise.all([soon, last])) as [Share, Share];
  expect([one.positions, other.positions]).toEqual([[6], [7]]);
  one.rest.clear();
  const still = alone.takeLast();
  alone.done(one);
  alone.done(other);
  expect((await still)?.positions).toEqual([7]);

  const many = shareOut([...PAIRS.keys()]);
  many.join();
  many.join();
  const taken: number[] = [];
  for (let share = many.take(); share !== undefined; share = many.take()) taken.push(...share.positions);
  expect(taken).toEqual([...PAIRS.keys()]);
});
