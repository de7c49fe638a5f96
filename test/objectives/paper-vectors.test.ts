/** Worked examples of arXiv 2405.16388: beta 0.1, epsilon_max 0.1, computed by hand to six digits. */
import { describe, expect, it } from 'vitest';
import { createObjective } from '../../src/objectives/create-objective.js';
import { batchOf, objectiveConfig, type Logps } from './batches.js';

const POLICY: Logps = [-100, -120];
const FIRST: Logps = [-105, -118];

interface Example {
  readonly further: readonly Logps[];
  readonly official: boolean;
  readonly epsilon: Logps;
  readonly alpha: readonly number[];
  readonly virtual: Logps;
  readonly margin: number;
  readonly loss: number;
  readonly gradient: number;
  readonly multiDpo: number;
}

const EXAMPLES: readonly Example[] = [
  {
    further: [[-110, -119]],
    official: false,
    epsilon: [0.047566, 0.052434],
    alpha: [0.590909, 0.409091],
    virtual: [-109.11039, -118.532352],
    margin: 1.057804,
    loss: 0.298041,
    gradient: -0.025773,
    multiDpo: 0.355849,
  },
  {
    further: [[-110, -119]],
    official: true,
    epsilon: [0.047566, 0.052434],
    alpha: [0.590909, 0.409091],
    virtual: [-109.473056, -118.700792],
    margin: 1.077226,
    loss: 0.293072,
    gradient: -0.025403,
    multiDpo: 0.355849,
  },
  {
    further: [[-106, -116]],
    official: false,
    epsilon: [0.047416, 0.052584],
    alpha: [0.565217, 0.434783],
    virtual: [-105.557945, -117.528489],
    margin: 0.802946,
    loss: 0.370188,
    gradient: -0.03094,
    multiDpo: 0.364089,
  },
  {
    further: [[-106, -116]],
    official: true,
    epsilon: [0.047416, 0.052584],
    alpha: [0.565217, 0.434783],
    virtual: [-105.678644, -117.329155],
    margin: 0.834949,
    loss: 0.360396,
    gradient: -0.03026,
    multiDpo: 0.364089,
  },
  {
    further: [
      [-110, -119],
      [-90, -150],
    ],
    official: false,
    epsilon: [0.044075, 0.055925],
    alpha: [0.158537, 0.109756, 0.731707],
    virtual: [-107.433045, -124.287608],
    margin: 0.314544,
    loss: 0.548192,
    gradient: -0.042201,
    multiDpo: 0.774541,
  },
];

describe.each(EXAMPLES)('references $further, official code $official', (example) => {
  const batch = batchOf({ policy: POLICY, references: [FIRST, ...example.further] });
  const context = { references: 1 + example.further.length };

  it('gives the MRPO numbers of every stage', async () => {
    const objective = await createObjective(
      objectiveConfig({ loss: 'mrpo', official_code: example.official }),
      context,
    );
    const result = objective.evaluate(batch);
    expect(result.epsilon.chosen[0]).toBeCloseTo(example.epsilon[0], 6);
    expect(result.epsilon.rejected[0]).toBeCloseTo(example.epsilon[1], 6);
    example.alpha.forEach((alpha, k) => expect(result.weights[k]![0]).toBeCloseTo(alpha, 6));
    expect(result.virtual.chosen[0]).toBeCloseTo(example.virtual[0], 6);
    expect(result.virtual.rejected[0]).toBeCloseTo(example.virtual[1], 6);
    expect(result.margins[0]).toBeCloseTo(example.margin, 6);
    expect(result.losses[0]).toBeCloseTo(example.loss, 6);
    expect(result.gradients.chosen[0]).toBeCloseTo(example.gradient, 6);
    expect(result.gradients.rejected[0]).toBe(-result.gradients.chosen[0]!);
  });

  it('gives the Multi-DPO loss', async () => {
    const objective = await createObjective(
      objectiveConfig({ loss: 'multi-dpo', official_code: example.official }),
      context,
    );
    expect(objective.evaluate(batch).losses[0]).toBeCloseTo(example.multiDpo, 6);
  });
});

it.each([
  { further: [-110, -119] as Logps, margin: 0.86341 },
  { further: [-106, -116] as Logps, margin: 0.830435 },
])('pools $further geometrically to the margin $margin', async ({ further, margin }) => {
  const objective = await createObjective(objectiveConfig({ pooling: 'geometric' }), { references: 2 });
  expect(objective.evaluate(batchOf({ policy: POLICY, references: [FIRST, further] })).margins[0]).toBeCloseTo(
    margin,
    6,
  );
});
