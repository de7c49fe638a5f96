import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import type { PreferencePair } from '../../src/data/index.js';
import { limitPairs, splitPairs } from '../../src/data/index.js';
import { makePair } from '../../src/data/make-pair.js';

const pairOf = (prompt: string, reply: string, line: number): PreferencePair =>
  makePair(
    {
      plain: false,
      prompt: [{ role: 'user', content: prompt }],
      chosen: [{ role: 'assistant', content: `good ${reply}` }],
      rejected: [{ role: 'assistant', content: `bad ${reply}` }],
    },
    line,
  );
const ids = (pairs: readonly PreferencePair[]): string[] => pairs.map(({ id }) => id);
const makePairs = (count: number, prompts: number): PreferencePair[] =>
  Array.from({ length: count }, (_, index) => pairOf(`prompt ${index % prompts}`, String(index), index + 1));

const seeds = fc.nat(2 ** 31);
const pairs = makePairs(200, 120);

describe('splitPairs', () => {
  it('puts every pair on exactly one side, in the order of the file, and no prompt on both', () => {
    fc.assert(
      fc.property(
        seeds,
        fc.oneof(fc.double({ min: 0, max: 0.9, noNaN: true }), fc.integer({ min: 1, max: 150 })),
        (seed, evalSpec) => {
          const split = splitPairs(pairs, evalSpec, seed);
          expect([...split.train, ...split.eval].sort((a, b) => a.line - b.line)).toEqual(pairs);
          expect([...split.train].map(({ line }) => line)).toEqual(
            [...split.train].map(({ line }) => line).sort((a, b) => a - b),
          );
          const trained = new Set(split.train.map(({ promptId }) => promptId));
          expect(split.eval.some(({ promptId }) => trained.has(promptId))).toBe(false);
        },
      ),
      { numRuns: 40 },
    );
  });

  it('keeps every pair on its side when other rows come or go, and whatever the order', () => {
    fc.assert(
      fc.property(seeds, fc.array(fc.boolean(), { minLength: 200, maxLength: 200 }), (seed, kept) => {
        const heldOut = new Set(ids(splitPairs(pairs, 0.3, seed).eval));
        const fewer = pairs.filter((_, index) => kept[index]).reverse();
        fc.pre(fewer.some(({ id }) => !heldOut.has(id)));
        const split = splitPairs(fewer, 0.3, seed);
        expect(ids(split.eval)).toEqual(ids(fewer).filter((id) => heldOut.has(id)));
      }),
      { numRuns: 40 },
    );
  });

  it('changes with the seed, and a larger share holds out all that a smaller one does', () => {
    const [small, large, other] = [splitPairs(pairs, 0.1, 7), splitPairs(pairs, 0.4, 7), splitPairs(pairs, 0.1, 8)].map(
      ({ eval: held }) => ids(held),
    );
    expect(small).not.toEqual(other);
    expect(large).toEqual(expect.arrayContaining(small as string[]));
  });

  it('meets the share on average', () => {
    const many = makePairs(4000, 4000);
    expect(splitPairs(many, 0.1, 1).eval.length / 4000).toBeCloseTo(0.1, 1);
    expect(splitPairs(many, 0, 1).eval).toEqual([]);
  });

  it('holds out exactly a number of pairs where every prompt has one', () => {
    const single = makePairs(100, 100);
    expect(splitPairs(single, 40, 3).eval).toHaveLength(40);
    expect(splitPairs(makePairs(100, 10), 35, 3).eval).toHaveLength(30);
  });

  it('leaves something to train on or says so', () => {
    expect(() => splitPairs(pairs, 200, 0)).toThrow('nothing is left to train on');
    expect(() => splitPairs([pairs[0] as PreferencePair], 1, 0)).toThrow('nothing is left to train on');
  });
});

describe('limitPairs', () => {
  it('keeps a seeded choice in the order of the file, the same whatever else is there', () => {
    const few = limitPairs(pairs, 50, 5);
    expect(few).toHaveLength(50);
    expect(few.map(({ line }) => line)).toEqual(few.map(({ line }) => line).sort((a, b) => a - b));
    expect(ids(limitPairs(few, 20, 5)).every((id) => ids(limitPairs(pairs, 20, 5)).includes(id))).toBe(true);
    expect(ids(limitPairs(pairs, 50, 6))).not.toEqual(ids(few));
    expect(limitPairs(pairs, 1000, 5)).toBe(pairs);
  });
});

describe('makePair', () => {
  const messages = fc.array(fc.record({ role: fc.constantFrom('user', 'assistant', '1:a'), content: fc.string() }), {
    minLength: 1,
    maxLength: 3,
  });
  const draft = fc
    .record({ prompt: messages, chosen: messages, rejected: messages, plain: fc.boolean() })
    .map((value) => ({
      ...value,
      prompt: [{ role: 'user', content: 'q' }, ...value.prompt, { role: 'user', content: 'q' }],
      chosen: [{ role: 'assistant', content: 'c' }, ...value.chosen],
      rejected: [{ role: 'assistant', content: 'r' }, ...value.rejected],
    }));

  it('gives equal ids to equal texts and different ids to different ones, whatever the line', () => {
    fc.assert(
      fc.property(draft, draft, (a, b) => {
        const same = JSON.stringify(a) === JSON.stringify(b);
        expect(makePair(a, 1).id).toBe(makePair(structuredClone(a), 2).id);
        expect(makePair(a, 1).id === makePair(b, 1).id).toBe(same);
        expect(makePair(a, 1).promptId === makePair(b, 1).promptId).toBe(
          JSON.stringify(a.prompt) === JSON.stringify(b.prompt),
        );
      }),
    );
  });

  it('tells messages apart that only differ in where one ends', () => {
    const of = (...contents: string[]) =>
      makePair(
        {
          plain: false,
          prompt: contents.map((content) => ({ role: 'user', content })),
          chosen: [{ role: 'assistant', content: 'a' }],
          rejected: [{ role: 'assistant', content: 'b' }],
        },
        1,
      ).id;
    expect(of('ab', 'c')).not.toBe(of('a', 'bc'));
    expect(of('a4:user1:b')).not.toBe(of('a', 'b'));
  });
});
