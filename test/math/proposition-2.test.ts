/**
 * Proposition 2 of arXiv 2405.16388 compares the gradient rates of MRPO, sigmoid(D), and of Multi-DPO, sum_k alpha_k sigmoid(d_k), where
 * d_k = beta log(pi(l) / pi_k(l)) - beta log(pi(w) / pi_k(w)) and D the same with the virtual reference.
 * As printed (all d_k of one sign suffice) it is false: e^(D/beta) is a mean of the e^(d_k/beta) with weights
 * proportional to alpha_k pi(w)/pi_k(w), not to alpha_k. What holds needs d_k and pi_k ordered against each other.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { multiDpoLoss, sigmoid, sigmoidLink } from '../../src/math/index.js';
import { asColumns, columnsOf, HARMONIC, marginAgainst, pool, type Pair } from './pairs.js';

const RUNS = { numRuns: 400 };

describe('Proposition 2', () => {
  const rates = (policy: Pair, pairs: readonly Pair[], weights: readonly number[], power: number, beta: number) => {
    const pooled: Pair = [
      pool(
        pairs.map(([w]) => w),
        weights,
        power,
      ),
      pool(
        pairs.map(([, l]) => l),
        weights,
        power,
      ),
    ];
    const multi = multiDpoLoss(asColumns(policy), pairs.map(asColumns), columnsOf(weights), beta, sigmoidLink);
    return {
      mrpo: sigmoid(-marginAgainst(policy, pooled, beta)),
      multiDpo: -multi.gradients.chosen[0]! / beta,
      gaps: pairs.map((reference) => -marginAgainst(policy, reference, beta)),
    };
  };
  const even = (count: number): number[] => new Array<number>(count).fill(1 / count);
  const moderate = fc.double({ min: -40, max: -1, noNaN: true });

  it('fails as printed: rate 0.500 where 0.745 is claimed', () => {
    const [tiny, percent] = [Math.log(1e-10), Math.log(1e-2)];
    const { mrpo, multiDpo, gaps } = rates(
      [percent, percent],
      [
        [tiny, tiny],
        [percent, Math.log(1e-4)],
      ],
      even(2),
      HARMONIC,
      1,
    );
    expect(gaps[0]).toBeCloseTo(0, 15);
    expect(gaps[1]).toBeCloseTo(Math.log(100), 12);
    expect(multiDpo).toBeCloseTo(0.745, 3);
    expect(mrpo).toBeCloseTo(0.5, 6);
    const mirrored = rates(
      [percent, percent],
      [
        [tiny, tiny],
        [Math.log(1e-4), percent],
      ],
      even(2),
      HARMONIC,
      1,
    );
    expect(mirrored.gaps.every((gap) => gap <= 0)).toBe(true);
    expect(mirrored.mrpo).toBeGreaterThan(mirrored.multiDpo + 0.2);
  });

  it('holds for the chosen response equally likely everywhere and all d_k >= 0', () => {
    fc.assert(
      fc.property(
        moderate,
        fc.array(fc.double({ min: 0, max: 15, noNaN: true }), { minLength: 1, maxLength: 5 }),
        (chosen, extra) => {
          const pairs = extra.map((gap): Pair => [chosen, chosen - 1 - gap]);
          const { mrpo, multiDpo, gaps } = rates([-20, -21], pairs, even(pairs.length), HARMONIC, 1);
          expect(Math.min(...gaps)).toBeGreaterThanOrEqual(-1e-12);
          expect(mrpo).toBeGreaterThanOrEqual(multiDpo - 1e-12);
        },
      ),
      RUNS,
    );
  });

  it('holds where a larger d_k goes with a smaller pi_k(w), and mirrored for d_k <= 0 and pi_k(l)', () => {
    const gaps = fc.array(
      fc.tuple(fc.double({ min: 0, max: 8, noNaN: true }), fc.double({ min: 0.1, max: 3, noNaN: true })),
      { minLength: 2, maxLength: 5 },
    );
    fc.assert(
      fc.property(gaps, (steps) => {
        let [gap, logpChosen] = [0, -10];
        const pairs = steps.map(([widen, lower]): Pair => {
          gap += widen;
          logpChosen -= lower;
          return [logpChosen, logpChosen - gap];
        });
        const forward = rates([-12, -12], pairs, even(pairs.length), HARMONIC, 1);
        expect(forward.mrpo).toBeGreaterThanOrEqual(forward.multiDpo - 1e-12);
        const swapped = pairs.map(([chosen, rejected]): Pair => [rejected, chosen]);
        const mirrored = rates([-12, -12], swapped, even(pairs.length), HARMONIC, 1);
        expect(mirrored.mrpo).toBeLessThanOrEqual(mirrored.multiDpo + 1e-12);
      }),
      RUNS,
    );
  });

  it('holds always for geometric pooling', () => {
    fc.assert(
      fc.property(
        fc.tuple(moderate, moderate),
        fc.array(fc.tuple(moderate, moderate), { minLength: 1, maxLength: 5 }),
        (policy, pairs) => {
          const { mrpo, multiDpo, gaps } = rates(policy, pairs, even(pairs.length), 0, 1);
          fc.pre(gaps.every((gap) => gap >= 0) || gaps.every((gap) => gap <= 0));
          const sign = gaps.some((gap) => gap > 0) ? 1 : -1;
          expect(sign * (mrpo - multiDpo)).toBeGreaterThanOrEqual(-1e-12);
        },
      ),
      RUNS,
    );
  });
});
