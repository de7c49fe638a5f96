/** Every formula against golden numbers with 50 digits (test/vectors/make_vectors.py). */
import { describe, expect, it } from 'vitest';
import {
  adaptiveEpsilonColumns,
  arwcWeights,
  benjaminiHochberg,
  clipToTrustRegion,
  cohensD,
  cohensDInterval,
  conservativeLink,
  hingeLink,
  holm,
  ipoLink,
  normalQuantile,
  officialCodeEpsilon,
  officialCodePool,
  officialCodeWeights,
  poolColumns,
  robustLink,
  sigmoid,
  sigmoidLink,
  softplus,
  wilsonInterval,
} from '../../src/math/index.js';
import { deviations, readVectors, type VectorCase } from '../vectors/read-vectors.js';

type Input = VectorCase['input'];

const columns = (values: unknown): Float64Array[] => (values as number[]).map((value) => Float64Array.of(value));
const side = (input: Input, index: number): Float64Array[] =>
  columns((input['references'] as number[][]).map((pair) => pair[index]!));
const first = (column: Float64Array): number => column[0]!;
const power = (value: unknown): number =>
  typeof value === 'string' ? Number(`${value}inity`.replace('inf', 'Inf')) : (value as number);

const OPERATIONS: Readonly<Record<string, (input: Input) => unknown>> = {
  softplus: (input) => softplus(input['x'] as number),
  sigmoid: (input) => sigmoid(input['x'] as number),
  epsilon: (input) => {
    const epsilon = adaptiveEpsilonColumns(side(input, 0), side(input, 1), input['epsilonMax'] as number);
    return [first(epsilon.chosen), first(epsilon.rejected)];
  },
  clip: (input) => clipToTrustRegion(input['logp'] as number, input['first'] as number, input['epsilon'] as number),
  arwc: (input) => arwcWeights(side(input, 0), side(input, 1)).map(first),
  pool: (input) => first(poolColumns(columns(input['logps']), columns(input['weights']), power(input['power']))),
  'official-epsilon': (input) => {
    const epsilon = officialCodeEpsilon(side(input, 0), side(input, 1), input['epsilonMax'] as number);
    return [first(epsilon.chosen), first(epsilon.rejected)];
  },
  'official-weights': (input) => officialCodeWeights(side(input, 0), side(input, 1)).map(first),
  'official-pool': (input) => first(officialCodePool(columns(input['logps']), columns(input['weights']))),
  link: linkOperation,
  wilson: (input) => wilsonInterval(input['successes'] as number, input['trials'] as number),
  'normal-quantile': (input) => normalQuantile(input['p'] as number),
  'cohens-d-interval': (input) =>
    cohensDInterval(input['d'] as number, input['leftSize'] as number, input['rightSize'] as number),
  holm: (input) => holm(input['pValues'] as number[]),
  'benjamini-hochberg': (input) => benjaminiHochberg(input['pValues'] as number[]),
  'cohens-d': (input) => cohensD(input['left'] as number[], input['right'] as number[]),
};

function linkOperation(input: Input): [number, number] {
  const [margin, smoothing, beta] = [input['margin'], input['smoothing'], input['beta']] as [number, number, number];
  if (input['variant'] === 'sigmoid' && smoothing === 0) {
    const { losses, slopes } = sigmoidLink(Float64Array.of(margin));
    return [first(losses), first(slopes)];
  }
  const link = {
    sigmoid: conservativeLink(smoothing),
    robust: robustLink(smoothing),
    ipo: ipoLink(beta),
    hinge: hingeLink,
  }[input['variant'] as string]!;
  return [link.loss(margin), link.slope(margin)];
}

const cases = readVectors().filter(({ op }) => op !== 'pair');

describe('golden vectors of the parts', () => {
  it('cover every operation', () => {
    expect([...new Set(cases.map(({ op }) => op))].sort()).toEqual(Object.keys(OPERATIONS).sort());
  });

  it.each(Object.keys(OPERATIONS))('%s agrees to 1e-12 relative, or as far as cancellation allows', (op) => {
    const chosen = cases.filter((entry) => entry.op === op);
    const wrong = chosen.flatMap(({ id, input, expected, cancellation }) =>
      deviations(OPERATIONS[op]!(input), expected, cancellation).map((deviation) => ({ id, input, ...deviation })),
    );
    expect(chosen.length).toBeGreaterThan(3);
    expect(wrong).toEqual([]);
  });
});
