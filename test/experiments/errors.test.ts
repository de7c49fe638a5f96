import { describe, expect, it } from 'vitest';
import {
  epsilonOf,
  share,
  stepZeroMargins,
  virtualMargins,
  type ScoredSet,
} from '../../src/experiments/errors/evidence.js';
import { proposition2, rates } from '../../src/experiments/errors/proposition-2.js';

/** The golden pair of the paper's formulas: RefM1 (-105, -118), RefM2 (-110, -119). */
const golden: ScoredSet = {
  name: 'golden',
  references: [
    { chosen: Float64Array.of(-105), rejected: Float64Array.of(-118) },
    { chosen: Float64Array.of(-110), rejected: Float64Array.of(-119) },
  ],
  tokens: { chosen: Float64Array.of(40), rejected: Float64Array.of(44) },
};

describe('what the errors are measured with', () => {
  it('gives the virtual references of the paper and of its code on the golden pair', () => {
    // reference values to six digits: -109.110390 + 118.532352 and -109.473056 + 118.700792
    expect(virtualMargins(golden, 'paper', { adaptive: 0.1 })[0]).toBeCloseTo(9.421962, 5);
    expect(virtualMargins(golden, 'released code', { adaptive: 0.1 })[0]).toBeCloseTo(9.227736, 5);
    expect(stepZeroMargins(golden, { adaptive: 0.1 })[0]).toBeCloseTo(13 - 9.421962, 5);
  });

  it('shares epsilon_max between the responses', () => {
    const { chosen, rejected } = epsilonOf(golden, { adaptive: 0.1 });
    expect(chosen[0]! + rejected[0]!).toBeCloseTo(0.1, 15);
    expect(share(chosen, (value, i) => value < rejected[i]!)).toBe(1);
  });
});

describe('the counter-example to Proposition 2', () => {
  it('has gaps of one sign and the wrong order of the rates', () => {
    const { gaps, mrpo, multiDpo } = rates(
      [Math.log(0.01), Math.log(0.01)],
      [
        [Math.log(1e-10), Math.log(1e-10)],
        [Math.log(1e-2), Math.log(1e-4)],
      ],
      [0.5, 0.5],
    );
    expect(gaps[0]).toBeCloseTo(0, 12);
    expect(gaps[1]).toBeCloseTo(Math.log(100), 12);
    expect([mrpo, multiDpo].map((rate) => rate.toFixed(3))).toEqual(['0.500', '0.745']);
  });

  it('is no exception: the claim fails in a good share of random pairs', () => {
    const { number, table } = proposition2();
    expect(number).toContain('0.500');
    for (const [, shown] of table.rows) {
      expect(Number.parseFloat(shown!)).toBeGreaterThan(45);
      expect(Number.parseFloat(shown!)).toBeLessThan(85);
    }
  });
});
