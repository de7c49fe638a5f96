import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../src/core/random.js';
import { effectSize, falseAlarmRate, pairedDifference, sampleNormal, type Interval } from '../../src/math/index.js';
import { noncentralCdf } from '../../src/math/t-distributions.js';

interface Golden {
  readonly noncentral: readonly { t: number; df: number; delta: number; p: number }[];
  readonly effects: readonly { left: number[]; right: number[]; d: number; g: number; interval: Interval }[];
  readonly paired: readonly { rows: number[][]; difference: number; interval: Interval; pValue: number }[];
  readonly falseAlarms: readonly { runs: number; rate: number }[];
}

/** What SciPy says: test/vectors/make_statistics.py. */
const golden = JSON.parse(
  readFileSync(new URL('../vectors/statistics.json', import.meta.url), 'utf8'),
) as unknown as Golden;

const near = (actual: number, expected: number): void =>
  expect(Math.abs(actual - expected), `${actual} beside ${expected}`).toBeLessThanOrEqual(
    1e-7 * (1 + Math.abs(expected)),
  );

describe('comparing a handful of runs, beside SciPy', () => {
  it.each(golden.noncentral)('noncentral t: P(T <= $t), $df degrees of freedom, noncentrality $delta', (vector) => {
    near(noncentralCdf(vector.t, vector.df, vector.delta), vector.p);
  });

  it.each(golden.effects)("d, Hedges' g and the noncentral-t interval of $left and $right", (vector) => {
    const effect = effectSize(vector.left, vector.right);
    near(effect.d, vector.d);
    near(effect.g, vector.g);
    near(effect.interval[0], vector.interval[0]);
    near(effect.interval[1], vector.interval[1]);
  });

  it.each(golden.paired)('paired difference $difference: interval and p-value', (vector) => {
    const result = pairedDifference(vector.rows);
    near(result.difference, vector.difference);
    near(result.interval[0], vector.interval[0]);
    near(result.interval[1], vector.interval[1]);
    near(result.pValue, vector.pValue);
  });

  it.each(golden.falseAlarms)('equal methods pass d > 0.5 with $runs runs in $rate of cases', ({ runs, rate }) => {
    near(falseAlarmRate(0.5, runs), rate);
  });
});

describe('paired difference', () => {
  it('says what one seed can say: nothing about other seeds', () => {
    expect(pairedDifference([[1, 0, 1, 1]])).toMatchObject({ over: 'pairs', difference: 0.75 });
  });

  it('takes the means of the seeds where each seed has pairs of its own', () => {
    const own = pairedDifference([
      [1, 1, 0],
      [0, 1],
      [1, 0, 0, 1],
    ]);
    expect(own.over).toBe('seeds');
    near(own.difference, (2 / 3 + 1 / 2 + 1 / 2) / 3);
  });

  it('is certain of a difference that never varies, and of none where there is none', () => {
    expect(pairedDifference([[0, 0], [0, 0]])).toMatchObject({ difference: 0, pValue: 1 }); // prettier-ignore
    expect(pairedDifference([[1, 1], [1, 1]]).pValue).toBeLessThan(1e-9); // prettier-ignore
  });

  it('has nothing to say of a single number', () => {
    expect(pairedDifference([[0.3]])).toMatchObject({ interval: [-Infinity, Infinity], pValue: 1 });
  });

  it('refuses no seed, a seed without pairs, and different pairs said to be the same', () => {
    expect(() => pairedDifference([])).toThrow('at least one seed');
    expect(() => pairedDifference([[1], []])).toThrow('no empty row');
    expect(() => pairedDifference([[1], [1, 2]], { samePairs: true })).toThrow('equally long');
  });

  // Spread between seeds, between pairs, and of the rest.
  it.each([
    { seeds: 3, pairs: 120, spread: [0.1, 0.4, 0.5] },
    { seeds: 5, pairs: 120, spread: [0.02, 0.3, 0.3] },
    { seeds: 5, pairs: 60, spread: [0.3, 0.3, 0.3] },
    { seeds: 3, pairs: 60, spread: [0.1, 0, 0.5] },
    { seeds: 3, pairs: 60, spread: [0, 0.4, 0.5] },
  ] as const)('its 95 % interval covers the truth in 93 to 97 % of 2,000 tables: $seeds seeds, $spread', (world) => {
    const random = seededRandom(17);
    const draw = (sd: number): number => sd * sampleNormal(random);
    let covered = 0;
    for (let table = 0; table < 2000; table++) {
      const pairs = Array.from({ length: world.pairs }, () => draw(world.spread[1]));
      const rows = Array.from({ length: world.seeds }, () => {
        const seed = draw(world.spread[0]);
        return pairs.map((pair) => seed + pair + draw(world.spread[2]));
      });
      const [low, high] = pairedDifference(rows).interval;
      if (low <= 0 && high >= 0) covered += 1;
    }
    expect(covered / 2000).toBeGreaterThanOrEqual(0.93);
    expect(covered / 2000).toBeLessThanOrEqual(0.97);
  });
});
