import { describe, expect, it } from 'vitest';
import { valueVerdict, type ValueInput } from '../../src/experiments/value-verdict.js';

const ours = (values: readonly number[], more: Partial<ValueInput['ours']> = {}): ValueInput['ours'] => {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const sd = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1));
  return {
    coordinates: {},
    values,
    mean,
    sd,
    standardError: NaN,
    before: 0,
    expected: values.length,
    marks: [],
    ...more,
  };
};
const accuracy = { factor: 100, kind: 'accuracy' } as const;

describe('a value beside the paper', () => {
  it('is the same within 1.5 points, or within two standard errors of the difference', () => {
    const exact = { mean: 70, sd: 0, runs: 5 };
    expect(valueVerdict({ ours: ours([0.714, 0.714]), published: exact, ...accuracy })).toBe('as the paper');
    expect(valueVerdict({ ours: ours([0.716, 0.716]), published: exact, ...accuracy })).toBe('another value');
    // 2 sqrt(25 / 5) = 4.5 points of room
    const loose = { mean: 70, sd: 5, runs: 5 };
    expect(valueVerdict({ ours: ours([0.744, 0.744]), published: loose, ...accuracy })).toBe('as the paper');
    expect(valueVerdict({ ours: ours([0.746, 0.746]), published: loose, ...accuracy })).toBe('another value');
  });

  it('is not judged while runs are missing', () => {
    const partial = ours([0.7, 0.7], { expected: 5 });
    expect(valueVerdict({ ours: partial, published: { mean: 70, runs: 5 }, ...accuracy })).toBe('not judged');
  });

  it('of a task is judged only where the untrained policy has the paper’s value', () => {
    const task = { factor: 100, kind: 'task', published: { mean: 60.5, runs: 1 } } as const;
    const one = ours([0.63], { expected: 1, standardError: 0.0135, before: 0.5 });
    expect(valueVerdict({ ours: one, ...task, publishedBefore: { mean: 49.6, runs: 1 } })).toBe('as the paper');
    expect(valueVerdict({ ours: one, ...task, publishedBefore: { mean: 44, runs: 1 } })).toBe('not judged');
    const far = { ...one, mean: 0.65, values: [0.65] };
    expect(valueVerdict({ ours: far, ...task, publishedBefore: { mean: 49.6, runs: 1 } })).toBe('another value');
  });
});
