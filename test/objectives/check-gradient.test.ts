import { describe, expect, it } from 'vitest';
import type { Side } from '../../src/core/sides.js';
import { checkGradient } from '../../src/objectives/check-gradient.js';
import { createObjective } from '../../src/objectives/create-objective.js';
import type { Objective } from '../../src/objectives/objective.js';
import { batchOf, objectiveConfig } from './batches.js';

const batch = batchOf(
  {
    policy: [-100, -120],
    references: [
      [-105, -118],
      [-110, -119],
    ],
    tokens: [40, 50],
  },
  {
    policy: [-30, -29],
    references: [
      [-31, -28],
      [-30, -33],
    ],
    tokens: [12, 9],
  },
  {
    policy: [0, -1e-4],
    references: [
      [-1, -2],
      [-1, -3],
    ],
    tokens: [1, 1],
  },
);

const mrpo = () => createObjective(objectiveConfig(), { references: 2 });

/** The objective with its gradient changed at one row. */
function spoilt(objective: Objective, side: Side, row: number, spoil: (gradient: number) => number): Objective {
  return {
    ...objective,
    evaluate: (given) => {
      const result = objective.evaluate(given);
      const gradients = result.gradients[side].map((gradient, index) => (index === row ? spoil(gradient) : gradient));
      return { ...result, gradients: { ...result.gradients, [side]: gradients } };
    },
  };
}

describe('checkGradient', () => {
  it.each(['mrpo', 'multi-dpo', 'dpo', 'hypo', 'simpo', 'forward-kl'] as const)('accepts %s', async (loss) => {
    const objective = await createObjective(objectiveConfig({ loss }), { references: 2 });
    const { rows, largestRelativeError } = checkGradient(objective, batch);
    expect(rows).toBe(3);
    expect(largestRelativeError).toBeLessThan(1e-6);
    expect(largestRelativeError).toBeGreaterThan(0);
  });

  it.each([
    ['chosen', 0, 'row 0, mrpo, chosen response'],
    ['rejected', 1, 'row 1, mrpo, rejected response'],
    ['chosen', 2, 'row 2, mrpo, chosen response'],
  ] as const)('names a wrong %s gradient of row %d', async (side, row, message) => {
    const objective = await mrpo();
    expect(() =>
      checkGradient(
        spoilt(objective, side, row, (gradient) => -gradient),
        batch,
      ),
    ).toThrow(message);
    expect(() =>
      checkGradient(
        spoilt(objective, side, row, (gradient) => gradient * 1.001),
        batch,
      ),
    ).toThrow(message);
    expect(() =>
      checkGradient(
        spoilt(objective, side, row, () => NaN),
        batch,
      ),
    ).toThrow(message);
  });

  it('is as strict as it is asked to be', async () => {
    const slightlyOff = spoilt(await mrpo(), 'chosen', 0, (gradient) => gradient * 1.0001);
    expect(() => checkGradient(slightlyOff, batch)).toThrow('row 0');
    expect(checkGradient(slightlyOff, batch, 1e-3).largestRelativeError).toBeCloseTo(1e-4, 6);
  });
});
