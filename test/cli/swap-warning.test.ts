import { describe, expect, it } from 'vitest';

import { swapWarning } from '../../src/cli/reference-report-text.js';

const reference = (sum: number, token: number) => {
  const share = (value: number) => ({ share: value, interval: [0, 1] as const });
  return { name: 'base', accuracy: { sum: share(sum), token: share(token), byte: share(token) } };
};

describe('a reference that finds nearly every rejected response likelier', () => {
  it('is told, since then the pairs are likely the wrong way round', () => {
    expect(swapWarning([reference(0.02, 0.03), reference(0.4, 0.5)], 100)).toEqual([
      expect.stringContaining('base finds the rejected response likelier in 97.0 % of the pairs'),
    ]);
  });

  it('but not by its sums alone, which are about length, nor of few pairs', () => {
    expect(swapWarning([reference(0.02, 0.5)], 100)).toEqual([]);
    expect(swapWarning([reference(0, 0)], 19)).toEqual([]);
  });
});
