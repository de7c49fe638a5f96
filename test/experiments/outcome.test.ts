import { expect, it } from 'vitest';
import { outcomeOf } from '../../src/experiments/outcome.js';
import { countAbove } from '../../src/math/index.js';
import type { StoredRun } from '../../src/store/run-folder.js';
import { numericalNoise } from '../../src/training/numerical-noise.js';

/** Two pairs of 100 tokens; the policy has moved the first one's chosen response by 0.1 nats, the second one's by 2. */
const runIn = (dtype: string): StoredRun =>
  ({
    record: { evaluation: { before: {}, after: {} }, seconds: {}, policy: { dtype } },
    metrics: [],
    heldOut: [0.1, 2].map((gain, i) => ({
      row: `row ${i}`,
      tokens: [50, 50],
      after: [-10 + gain, -20],
      rewards: [gain, 0],
      references: { RefM1: [-10, -20] },
    })),
  }) as unknown as StoredRun;

it.each(['float32', 'bfloat16'])('in %s, a pair is won against RefM1 where the metric counts it', (dtype) => {
  const wins = outcomeOf(runIn(dtype))?.wins;
  const noise = Float64Array.from([100, 100], (tokens) => numericalNoise(dtype, tokens));
  expect(wins?.refm1.reduce((sum, won) => sum + won, 0)).toBe(
    countAbove(Float64Array.of(0.1, 2), Float64Array.of(0, 0), noise),
  );
  expect(wins).toMatchObject({ own: [1, 1], refm1: [dtype === 'float32' ? 1 : 0, 1] });
});
