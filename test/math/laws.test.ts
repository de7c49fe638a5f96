/**
 * Laws of multi-reference preference optimisation that hold for every input (arXiv 2405.16388); the numbers are those
 * of src/math/README.md.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { clipColumns } from '../../src/math/index.js';
import { arwc, columnsOf, epsilonOf, HARMONIC, marginAgainst, pool, slack, virtual, type Pair } from './pairs.js';

const RUNS = { numRuns: 400 };

const logp = fc.oneof(
  fc.double({ min: -400, max: 0, noNaN: true }),
  fc.double({ min: -1e5, max: 0, noNaN: true }),
  fc.constantFrom(0, -1e-9, -1, -1e5),
);
const pair: fc.Arbitrary<Pair> = fc.tuple(logp, logp);
const references = fc.array(pair, { minLength: 1, maxLength: 8 });
const epsilonMax = fc.constantFrom(0, 0.01, 0.1, 0.5, 1);

/** References with weights: ARWC's, or arbitrary ones with zeros among them. */
const weighted = references.chain((pairs) =>
  fc.tuple(
    fc.constant(pairs),
    fc.oneof(
      fc.constant(arwc(pairs)),
      fc
        .array(fc.constantFrom<number[]>(0, 1, 2, 5), { minLength: pairs.length, maxLength: pairs.length })
        .filter((shares) => shares.some((share) => share > 0))
        .map((shares) => shares.map((share) => share / shares.reduce((sum, other) => sum + other, 0))),
    ),
  ),
);

describe('laws', () => {
  it('1: the margin lies between the margins against single references', () => {
    fc.assert(
      fc.property(pair, weighted, (policy, [pairs, weights]) => {
        const used = pairs.filter((_, k) => weights[k]! > 0);
        const margins = used.map((reference) => marginAgainst(policy, reference));
        const pooled: Pair = [
          pool(
            pairs.map(([w]) => w),
            weights,
            HARMONIC,
          ),
          pool(
            pairs.map(([, l]) => l),
            weights,
            HARMONIC,
          ),
        ];
        const margin = marginAgainst(policy, pooled);
        const room = slack(...policy, ...pairs.flat());
        expect(margin).toBeGreaterThanOrEqual(Math.min(...margins) - room);
        expect(margin).toBeLessThanOrEqual(Math.max(...margins) + room);
      }),
      RUNS,
    );
  });

  it.each([
    ['one reference', (first: Pair) => [first], 0.1],
    ['identical references', (first: Pair) => [first, first, first], 0.1],
    ['no trust region to move in', (first: Pair, others: readonly Pair[]) => [first, ...others], 0],
  ] as const)('2: MRPO is DPO with %s', (_, make, maximum) => {
    fc.assert(
      fc.property(pair, pair, references, (policy, first, others) => {
        const expected = marginAgainst(policy, first);
        const actual = marginAgainst(policy, virtual(make(first, others), maximum));
        expect(Math.abs(actual - expected)).toBeLessThanOrEqual(0.1 * slack(...policy, ...first));
      }),
      RUNS,
    );
  });

  it('3: swapping the responses keeps the weights, swaps epsilon and flips the margin', () => {
    fc.assert(
      fc.property(pair, references, epsilonMax, (policy, pairs, maximum) => {
        const swap = ([chosen, rejected]: Pair): Pair => [rejected, chosen];
        const swapped = pairs.map(swap);
        expect(arwc(swapped)).toEqual(arwc(pairs));
        expect(epsilonOf(swapped, maximum)).toEqual(swap(epsilonOf(pairs, maximum)));
        const [margin, flipped] = [
          marginAgainst(policy, virtual(pairs, maximum)),
          marginAgainst(swap(policy), virtual(swapped, maximum)),
        ];
        expect(flipped + margin).toBe(0);
      }),
      RUNS,
    );
  });

  it('4: the two epsilons add up to epsilon_max', () => {
    fc.assert(
      fc.property(references, epsilonMax, (pairs, maximum) => {
        const [chosen, rejected] = epsilonOf(pairs, maximum);
        expect(Math.abs(chosen + rejected - maximum)).toBeLessThanOrEqual(2 * Number.EPSILON * maximum);
        expect(Math.min(chosen, rejected)).toBeGreaterThanOrEqual(0);
      }),
      RUNS,
    );
  });

  it('5: clipping ends inside the band, changes nothing inside it, and is idempotent', () => {
    fc.assert(
      fc.property(fc.array(logp, { minLength: 1, maxLength: 6 }), epsilonMax, (logps, epsilon) => {
        const columns = columnsOf(logps);
        const once = clipColumns(columns, Float64Array.of(epsilon)).logps;
        const [lower, upper] = [(1 + epsilon) * logps[0]!, (1 - epsilon) * logps[0]!];
        once.slice(1).forEach((column, k) => {
          const [before, after] = [logps[k + 1]!, column[0]!];
          expect(after).toBeGreaterThanOrEqual(lower);
          expect(after).toBeLessThanOrEqual(upper);
          expect(after === before || before < lower || before > upper).toBe(true);
        });
        expect(once[0]).toBe(columns[0]);
        expect(clipColumns(once, Float64Array.of(epsilon)).logps).toEqual(once);
      }),
      RUNS,
    );
  });

  it('6: harmonic <= geometric <= arithmetic, and the power mean rises with its exponent', () => {
    const powers = [-Infinity, -50, -2, HARMONIC, -0.5, -1e-6, 0, 1e-6, 0.5, 1, 3, 50, Infinity];
    fc.assert(
      fc.property(weighted, ([pairs, weights]) => {
        const logps = pairs.map(([chosen]) => chosen);
        const means = powers.map((power) => pool(logps, weights, power));
        const room = slack(...logps);
        means.slice(1).forEach((mean, index) => expect(mean).toBeGreaterThanOrEqual(means[index]! - room));
      }),
      RUNS,
    );
  });

  it('7: min_k l_k <= virtual log-prob <= min_k (l_k - log alpha_k)', () => {
    fc.assert(
      fc.property(weighted, ([pairs, weights]) => {
        const logps = pairs.map(([chosen]) => chosen);
        const pooled = pool(logps, weights, HARMONIC);
        const used = logps.map((value, k) => [value, weights[k]!] as const).filter(([, weight]) => weight > 0);
        expect(pooled).toBeGreaterThanOrEqual(Math.min(...used.map(([value]) => value)) - slack(...logps));
        expect(pooled).toBeLessThanOrEqual(
          Math.min(...used.map(([value, weight]) => value - Math.log(weight))) + slack(...logps),
        );
      }),
      RUNS,
    );
  });

  it('8: the order of references 2..K does not matter', () => {
    fc.assert(
      fc.property(pair, references, epsilonMax, (policy, pairs, maximum) => {
        const [first, others] = [pairs[0]!, pairs.slice(1)];
        const expected = marginAgainst(policy, virtual(pairs, maximum));
        const actual = marginAgainst(policy, virtual([first, ...others.reverse()], maximum));
        expect(Math.abs(actual - expected)).toBeLessThanOrEqual(slack(...policy, ...pairs.flat()));
      }),
      RUNS,
    );
  });

  it('9: weights are in [0, 1] and add up to 1', () => {
    fc.assert(
      fc.property(references, (pairs) => {
        const weights = arwc(pairs);
        expect(Math.abs(weights.reduce((sum, weight) => sum + weight, 0) - 1)).toBeLessThanOrEqual(
          pairs.length * Number.EPSILON,
        );
        weights.forEach((weight) => {
          expect(weight).toBeGreaterThanOrEqual(0);
          expect(weight).toBeLessThanOrEqual(1);
        });
      }),
      RUNS,
    );
  });
});
