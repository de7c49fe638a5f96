import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { splitStep, epochOrder, packMicroBatches, planTraining } from '../../src/training/batches.js';

const sorted = (values: readonly number[]): number[] => [...values].sort((a, b) => a - b);

describe('planTraining', () => {
  const plan = planTraining({ pairs: 10, batchSize: 4, epochs: 2, seed: 1 });

  it('shows every pair once per epoch, the last step of an epoch with what is left', () => {
    expect([plan.totalSteps, plan.stepsPerEpoch]).toEqual([6, 3]);
    const steps = [1, 2, 3].map((step) => plan.step(step));
    expect(steps.map(({ indices }) => indices.length)).toEqual([4, 4, 2]);
    expect(sorted(steps.flatMap(({ indices }) => indices))).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(steps.map(({ endsEpoch }) => endsEpoch)).toEqual([false, false, true]);
    expect(plan.step(3).epoch).toBe(1);
  });

  it('orders each epoch anew, and the same way for the same seed', () => {
    expect(epochOrder(10, 1, 0)).not.toEqual(epochOrder(10, 1, 1));
    expect(epochOrder(10, 1, 0)).not.toEqual(epochOrder(10, 2, 0));
    const again = planTraining({ pairs: 10, batchSize: 4, epochs: 2, seed: 1 });
    expect([6, 1, 4].map((step) => again.step(step))).toEqual([6, 1, 4].map((step) => plan.step(step)));
  });

  it('takes part of an epoch, and no more steps than max_steps', () => {
    expect(planTraining({ pairs: 10, batchSize: 4, epochs: 0.5, seed: 0 }).totalSteps).toBe(2);
    expect(planTraining({ pairs: 10, batchSize: 4, epochs: 9, maxSteps: 5, seed: 0 }).totalSteps).toBe(5);
    expect(planTraining({ pairs: 3, batchSize: 8, epochs: 2, seed: 0 }).totalSteps).toBe(2);
  });
});

describe('cutStep', () => {
  const cut = (tokens: readonly number[], budget: number, saturating: number): number[][] =>
    splitStep(
      tokens.map((_, index) => index),
      (index) => tokens[index] ?? 0,
      budget,
      saturating,
    ).map((members) => members.map((index) => tokens[index] ?? 0));

  it.each([
    [
      'in two what fits at once',
      [3000, 3000, 2000, 1900],
      10_000,
      3900,
      [
        [3000, 3000],
        [2000, 1900],
      ],
    ],
    ['not where a half would be slower', [3000, 3000, 2000, 1899], 10_000, 3900, [[3000, 3000, 2000, 1899]]],
    [
      'by half of the memory what does not fit',
      [2000, 2000, 2000, 2000, 2000, 500],
      9000,
      4000,
      [
        [2000, 2000],
        [2000, 2000],
        [2000, 500],
      ],
    ],
    ['not where a pair is too long for halves', [4900, 4900, 4900], 10_000, 5000, [[4900, 4900], [4900]]],
    ['a single pair not at all', [500], 10_000, 1, [[500]]],
  ])('cuts %s', (_, tokens, budget, saturating, expected) => {
    expect(cut(tokens, budget, saturating)).toEqual(expected);
  });

  it('makes two forwards of any pairs that fit at once', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 500 }), { minLength: 2, maxLength: 20 }), (tokens) => {
        expect(cut(tokens, 1e6, 1)).toHaveLength(2);
      }),
    );
  });
});

describe('packMicroBatches', () => {
  it('keeps whole pairs, all of them, within the budget, unless a pair alone is above it', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 50 }), { maxLength: 30 }),
        fc.integer({ min: 1, max: 100 }),
        (tokens, budget) => {
          const indices = tokens.map((_, index) => index);
          const packed = packMicroBatches(indices, (index) => tokens[index] ?? 0, budget);
          expect(sorted(packed.flat())).toEqual(indices);
          for (const members of packed) {
            const total = members.reduce((sum, index) => sum + (tokens[index] ?? 0), 0);
            expect(total <= budget || members.length === 1).toBe(true);
          }
        },
      ),
    );
  });

  it('puts pairs of like length together, the longest first', () => {
    const tokens = [10, 40, 11, 38];
    expect(packMicroBatches([0, 1, 2, 3], (index) => tokens[index] ?? 0, 80)).toEqual([
      [1, 3],
      [2, 0],
    ]);
  });

  it('does not depend on the order of the pairs', () => {
    const tokens = [10, 40, 11, 38, 10];
    const pack = (indices: readonly number[]): unknown => packMicroBatches(indices, (index) => tokens[index] ?? 0, 50);
    expect(pack([4, 2, 0, 3, 1])).toEqual(pack([0, 1, 2, 3, 4]));
  });
});
