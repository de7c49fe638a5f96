import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { SIDES } from '../../src/core/sides.js';
import { softplus, sigmoid } from '../../src/math/index.js';
import { createObjective } from '../../src/objectives/create-objective.js';
import type { CustomLoss, CustomPair } from '../../src/objectives/index.js';
import type { Objective } from '../../src/objectives/objective.js';
import { batchOf, objectiveConfig } from './batches.js';

const LOSSES = fileURLToPath(new URL('./custom-losses', import.meta.url));
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
);

async function custom(customLoss: CustomLoss, input: Parameters<typeof objectiveConfig>[0] = {}): Promise<Objective> {
  return createObjective(objectiveConfig({ ...input, loss: 'custom', module: undefined }), {
    references: 2,
    customLoss,
  });
}

/** MRPO written as a user would. */
const mrpoByHand = ({ policy, virtual, beta }: CustomPair): number =>
  softplus(-beta * (policy.chosen - virtual.chosen - (policy.rejected - virtual.rejected)));

const mrpoWithGradient: CustomLoss = (pair) => {
  const { policy, virtual, beta } = pair;
  const slope = -beta * sigmoid(-beta * (policy.chosen - virtual.chosen - (policy.rejected - virtual.rejected)));
  return { loss: mrpoByHand(pair), gradChosen: slope, gradRejected: -slope };
};

describe('a loss alone', () => {
  it.each(['sum', 'token', 'byte'] as const)(
    'gets its gradient by finite differences, per %s',
    async (normalization) => {
      const expected = (await createObjective(objectiveConfig({ normalization }), { references: 2 })).evaluate(batch);
      const actual = (await custom(mrpoByHand, { normalization })).evaluate(batch);
      for (const key of ['losses', 'margins', 'rewards', 'virtual'] as const) {
        expect(actual[key]).toEqual(expected[key]);
      }
      for (const side of SIDES) {
        actual.gradients[side].forEach((gradient, row) =>
          expect(Math.abs(gradient / expected.gradients[side][row]! - 1)).toBeLessThan(1e-9),
        );
      }
    },
  );

  it('is given everything the documentation promises', async () => {
    const seen: CustomPair[] = [];
    const objective = await custom((pair) => (seen.push(pair), 0), {
      beta: 0.7,
      gamma: 0.3,
      alpha: 0.9,
      clip: { mode: 'fixed', epsilon: 0.04 },
    });
    const result = objective.evaluate(batch);
    expect(seen[0]).toEqual({
      policy: { chosen: -100, rejected: -120 },
      references: [
        { chosen: -105, rejected: -118 },
        { chosen: -105 * 1.04, rejected: -119 },
      ],
      virtual: { chosen: result.virtual.chosen[0], rejected: result.virtual.rejected[0] },
      weights: result.weights.map((column) => column[0]),
      tokens: { chosen: 40, rejected: 50 },
      beta: 0.7,
      gamma: 0.3,
      alpha: 0.9,
    });
  });
});

describe('a loss with its gradient', () => {
  it('is taken at its word once the first batch has been checked', async () => {
    let calls = 0;
    const objective = await custom((pair) => (calls++, mrpoWithGradient(pair)));
    const expected = (await createObjective(objectiveConfig(), { references: 2 })).evaluate(batch);
    expect(objective.evaluate(batch).gradients.chosen).toEqual(expected.gradients.chosen);
    expect(calls).toBeGreaterThan(2);
    calls = 0;
    expect(objective.evaluate(batch).gradients.rejected).toEqual(expected.gradients.rejected);
    expect(calls).toBe(2);
  });

  it.each([
    ['sign', (g: number) => -g],
    ['factor', (g: number) => 2 * g],
    ['size', (g: number) => g * (1 + 1e-4)],
    ['value', () => NaN],
  ])('of the wrong %s is refused, naming row and side', async (_, spoil) => {
    const wrongRejected: CustomLoss = (pair) => {
      const value = mrpoWithGradient(pair) as { loss: number; gradChosen: number; gradRejected: number };
      return { ...value, gradRejected: spoil(value.gradRejected) };
    };
    const wrongSecondRow: CustomLoss = (pair) =>
      pair.policy.chosen < -90 ? mrpoWithGradient(pair) : wrongRejected(pair);
    await expect(custom(wrongRejected).then((objective) => objective.evaluate(batch))).rejects.toThrow(
      'row 0, custom loss, rejected response: gradient is',
    );
    await expect(
      custom(wrongSecondRow).then((objective) => objective.evaluate({ ...batch, rowIds: ['a', 'b'] })),
    ).rejects.toThrow('row b, custom loss');
  });
});

it.each([
  ['NaN', () => NaN],
  ['Infinity', () => Infinity],
  ['undefined', () => undefined as unknown as number],
])('a loss of %s is refused, naming the row', async (shown, loss) => {
  const objective = await custom(loss);
  expect(() => objective.evaluate(batch)).toThrow(`row 0, custom loss: loss is ${shown}`);
});

describe('a loss by path', () => {
  const byPath = (module: string) =>
    createObjective(objectiveConfig({ loss: 'custom', module }), { references: 2, baseDir: LOSSES });

  it('is the default export of a TypeScript file beside the configuration', async () => {
    const result = (await byPath('./exponential.ts')).evaluate(batch);
    result.losses.forEach((loss, row) => expect(loss).toBeCloseTo(Math.exp(-result.margins[row]!), 12));
    result.gradients.chosen.forEach((gradient, row) => expect(gradient).toBeCloseTo(-0.1 * result.losses[row]!, 9));
  });

  it.each([
    ['./no-default.ts', 'expected a function as the default export'],
    ['./throws.ts', 'cannot be loaded: this file is broken'],
    ['./missing.ts', 'cannot be loaded'],
  ])('%s is refused with its path', async (module, message) => {
    await expect(byPath(module)).rejects.toThrow(message);
    await expect(byPath(module)).rejects.toThrow(module.slice(2));
  });

  it('must be given', async () => {
    const config = { ...objectiveConfig(), loss: 'custom' as const };
    await expect(createObjective(config, { references: 2 })).rejects.toThrow('objective.module: missing');
  });
});
