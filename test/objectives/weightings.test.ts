/** Weightings that learn: what they learn from, what they remember, and that a checkpoint brings it back. */
import { describe, expect, it } from 'vitest';
import { createObjective } from '../../src/objectives/create-objective.js';
import type { Objective, PairBatch } from '../../src/objectives/objective.js';
import { batchOf, objectiveConfig, type Logps } from './batches.js';

type Weights = NonNullable<Parameters<typeof objectiveConfig>[0]>['weights'];

const POLICY: Logps = [-10, -12];

/** Pairs whose two references differ by the given |gaps|, one pair each. */
function gaps(...pairs: readonly (readonly [number, number])[]): PairBatch {
  return batchOf(
    ...pairs.map(([first, second]) => ({
      policy: POLICY,
      references: [
        [-10, -10 - first],
        [-20 - second, -20],
      ] as const,
    })),
  );
}

async function withWeights(weights: Weights, references = 2): Promise<Objective> {
  return createObjective(objectiveConfig({ weights, weights_on: 'sum', clip: { mode: 'off' } }), { references });
}

function weightsOf(objective: Objective, batch: PairBatch): number[][] {
  return objective.evaluate(batch).weights.map((column) => [...column]);
}

describe('fixed weights', () => {
  it('are scaled to add up to exactly 1', async () => {
    const weights = weightsOf(await withWeights([0.3000001, 0.7]), gaps([1, 1])).flat();
    expect(weights[0]).toBeCloseTo(0.3000001 / 1.0000001, 14);
    expect(weights[0]! + weights[1]!).toBe(1);
  });

  it.each([
    [[0.5, 0.6], 'add up to 1, got [0.5, 0.6]'],
    [[1], 'expected one weight per reference (2), got 1'],
  ])('%j are refused', async (weights, message) => {
    await expect(withWeights(weights)).rejects.toThrow(message);
  });

  it('below 0 are refused, also from a program that skips the schema', async () => {
    const config = { ...objectiveConfig(), weights: [-0.5, 1.5] };
    await expect(createObjective(config, { references: 2 })).rejects.toThrow('expected numbers >= 0');
  });
});

it('uniform weights are 1/K', async () => {
  expect(weightsOf(await withWeights('uniform'), gaps([1, 5], [2, 2]))).toEqual([
    [0.5, 0.5],
    [0.5, 0.5],
  ]);
});

describe('VDW and VAW', () => {
  const validation = batchOf(
    {
      policy: POLICY,
      references: [
        [-10, -11],
        [-20, -23],
      ],
    },
    {
      policy: POLICY,
      references: [
        [-10, -12],
        [-20, -19],
      ],
    },
    {
      policy: POLICY,
      references: [
        [-10, -10],
        [-20, -20],
      ],
    },
  );

  it('VDW weighs by summed confidence', async () => {
    const objective = await withWeights('vdw');
    objective.fit!(validation);
    expect(weightsOf(objective, gaps([9, 9]))).toEqual([[3 / 7], [4 / 7]]);
  });

  it('VAW weighs by the number of pairs ranked right, ties counting as wrong', async () => {
    const objective = await withWeights('vaw');
    objective.fit!(validation);
    expect(weightsOf(objective, gaps([9, 9]))).toEqual([[2 / 3], [1 / 3]]);
  });

  it.each(['vdw', 'vaw'] as const)('%s compares log-probs per token unless told otherwise', async (weights) => {
    const objective = await createObjective(objectiveConfig({ weights }), { references: 2 });
    objective.fit!(
      batchOf({
        policy: POLICY,
        references: [
          [-10, -11],
          [-30, -60],
        ],
        tokens: [10, 20],
      }),
    );
    expect(weightsOf(objective, gaps([1, 1]))).toEqual(weights === 'vdw' ? [[1], [0]] : [[0.5], [0.5]]);
  });

  it.each(['vdw', 'vaw'] as const)('%s falls back to 1/K without any evidence', async (weights) => {
    const objective = await withWeights(weights);
    objective.fit!(gaps([0, 0]));
    expect(weightsOf(objective, gaps([9, 9]))).toEqual([[0.5], [0.5]]);
  });

  it.each(['vdw', 'vaw'] as const)('%s says that it has not been fitted', async (weights) => {
    const objective = await withWeights(weights);
    expect(() => objective.evaluate(gaps([1, 1]))).toThrow(`${weights} has not seen validation pairs`);
  });
});

describe('SWCW', () => {
  const step1 = gaps([1, 3], [1, 1], [2, 0]);
  const step2 = gaps([3, 1], [0, 5]);
  const positions = (...places: readonly number[]) => ({
    ...gaps(...places.map(() => [7, 7] as const)),
    positions: Int32Array.from(places),
  });

  it('is uniform before the first step', async () => {
    expect(weightsOf(await withWeights('swcw'), positions(0, 1))).toEqual([
      [0.5, 0.5],
      [0.5, 0.5],
    ]);
  });

  it('uses row i of the step before for row i', async () => {
    const objective = await withWeights('swcw');
    objective.observe!(step1);
    expect(weightsOf(objective, positions(2, 0, 1))).toEqual([
      [1, 0.25, 0.5],
      [0, 0.75, 0.5],
    ]);
    objective.observe!(step2);
    expect(weightsOf(objective, positions(1, 0))).toEqual([
      [0, 0.75],
      [1, 0.25],
    ]);
  });

  it('does not depend on how a step is cut into micro-batches', async () => {
    const objective = await withWeights('swcw');
    objective.observe!(step1);
    const whole = weightsOf(objective, positions(0, 1, 2));
    const parts = [positions(0), positions(1, 2)].map((part) => weightsOf(objective, part));
    expect(whole.map((_, k) => parts.flatMap((part) => part[k]!))).toEqual(whole);
  });

  it('uses the mean over rows where a row has no place, or none remembered', async () => {
    const objective = await withWeights('swcw');
    objective.observe!(step1);
    const mean = (0.25 + 0.5 + 1) / 3;
    expect(weightsOf(objective, gaps([4, 4]))).toEqual([[mean], [(0.75 + 0.5) / 3]]);
    expect(weightsOf(objective, positions(3))).toEqual([[mean], [(0.75 + 0.5) / 3]]);
  });

  it('averages the steps of its window, and forgets older ones', async () => {
    const objective = await withWeights({ method: 'swcw', window: 2 });
    for (const step of [gaps([9, 0], [9, 0]), step1, step2]) objective.observe!(step);
    expect(weightsOf(objective, positions(0, 1))).toEqual([
      [0.5, 0.25],
      [0.5, 0.75],
    ]);
    expect(weightsOf(objective, positions(2))).toEqual([[1], [0]]);
    expect(weightsOf(objective, gaps([1, 1]))[0]![0]).toBeCloseTo((0.25 + 0.5 + 1 + 0.75 + 0) / 5, 15);
  });

  it('learns nothing from an empty step', async () => {
    const objective = await withWeights('swcw');
    objective.observe!(step1);
    objective.observe!({
      ...gaps(),
      references: gaps([1, 1]).references.map(({ chosen, rejected }) => ({
        chosen: { logps: chosen.logps.slice(1), tokens: chosen.tokens.slice(1) },
        rejected: { logps: rejected.logps.slice(1), tokens: rejected.tokens.slice(1) },
      })),
    });
    expect(weightsOf(objective, positions(0))).toEqual([[0.25], [0.75]]);
  });
});

describe('SWCW one-hot', () => {
  it('starts at the first reference, then takes the most confident of the step before', async () => {
    const objective = await withWeights('swcw-one-hot');
    expect(weightsOf(objective, gaps([0, 9]))).toEqual([[1], [0]]);
    objective.observe!(gaps([1, 3], [2, 1]));
    expect(weightsOf(objective, gaps([9, 0], [9, 0]))).toEqual([
      [0, 0],
      [1, 1],
    ]);
    objective.observe!(gaps([5, 5]));
    expect(weightsOf(objective, gaps([0, 9]))).toEqual([[1], [0]]);
  });
});

describe('TSW', () => {
  const tsw = { method: 'tsw', prior: 5, seed: 7 } as const;
  interface TswState {
    readonly weighting: {
      readonly wins: readonly number[];
      readonly losses: readonly number[];
      readonly chosen: number;
    };
  }
  const stateOf = (objective: Objective): TswState['weighting'] => (objective.state!() as TswState).weighting;

  it('trains against one reference until a reward comes', async () => {
    const objective = await withWeights(tsw, 2);
    const first = weightsOf(objective, gaps([1, 1], [2, 2]));
    const { chosen } = stateOf(objective);
    expect(first).toEqual([0, 1].map((k) => (k === chosen ? [1, 1] : [0, 0])));
    expect(weightsOf(objective, gaps([1, 1], [2, 2]))).toEqual(first);
  });

  it('counts a win only for a strict rise in accuracy', async () => {
    const objective = await withWeights(tsw, 2);
    const { chosen } = stateOf(objective);
    objective.reward!(0.5, 0.6);
    expect(stateOf(objective).wins[chosen]).toBe(6);
    const next = stateOf(objective).chosen;
    objective.reward!(0.6, 0.6);
    expect(stateOf(objective).losses[next]).toBe(6);
    const { wins, losses } = stateOf(objective);
    expect([...wins, ...losses].reduce((sum, count) => sum + count, 0)).toBe(22);
  });

  it('draws the same for the same seed, and comes to prefer what pays off', async () => {
    const [one, other] = [await withWeights(tsw, 2), await withWeights(tsw, 2)];
    let pulls = 0;
    for (let step = 0; step < 300; step++) {
      expect(stateOf(one)).toEqual(stateOf(other));
      const { chosen } = stateOf(one);
      pulls += chosen === 1 ? 1 : 0;
      for (const objective of [one, other]) objective.reward!(0.5, chosen === 1 ? 0.6 : 0.4);
    }
    expect(pulls).toBeGreaterThan(270);
  });
});

describe('state', () => {
  const steps = [gaps([1, 3], [2, 5]), gaps([4, 1], [1, 1])];
  const probe = { ...gaps([1, 2], [3, 3]), positions: Int32Array.of(0, 1) };
  const learning: readonly Weights[] = [
    'vdw',
    'vaw',
    'swcw',
    { method: 'swcw', window: 3 },
    'swcw-one-hot',
    'tsw',
    { method: 'tsw', prior: 2, seed: 3 },
  ];

  function teach(objective: Objective): void {
    objective.fit?.(steps[0]!);
    for (const step of steps) {
      objective.observe?.(step);
      objective.reward?.(0.4, 0.5);
    }
  }

  it.each(learning)('of %j survives JSON, and goes on as if nothing had happened', async (weights) => {
    const [original, copy] = [await withWeights(weights), await withWeights(weights)];
    teach(original);
    copy.restore!(JSON.parse(JSON.stringify(original.state!())));
    expect(copy.evaluate(probe)).toEqual(original.evaluate(probe));
    for (let step = 0; step < 5; step++) {
      teach(original);
      teach(copy);
      expect(copy.evaluate(probe)).toEqual(original.evaluate(probe));
      expect(copy.state!()).toEqual(original.state!());
    }
  });

  it.each(learning)('of %j is not changed by evaluating', async (weights) => {
    const objective = await withWeights(weights);
    teach(objective);
    const before = JSON.stringify(objective.state!());
    objective.evaluate(probe);
    objective.evaluate(steps[0]!);
    expect(JSON.stringify(objective.state!())).toBe(before);
  });

  it.each(['uniform', 'arwc', [0.5, 0.5]] as readonly Weights[])('does not exist for %j', async (weights) => {
    const objective = await withWeights(weights);
    expect([objective.state, objective.restore, objective.observe, objective.fit, objective.reward]).toEqual(
      new Array(5).fill(undefined),
    );
  });

  it.each([
    ['vdw', { weighting: { weights: [1] } }, 'weights: expected 2 numbers or null, got [1]'],
    ['vaw', { weighting: { weights: ['a', 'b'] } }, 'expected 2 numbers'],
    ['vaw', {}, 'expected an object with the key weighting'],
    ['swcw', { weighting: { past: [[[1, 2], [1]]] } }, 'past: expected lists of 2 columns'],
    ['swcw', { weighting: { past: [[[1]]] } }, 'past: expected lists of 2 columns'],
    ['swcw', { weighting: { past: [[[], []]] } }, 'past: expected lists of 2 columns'],
    ['swcw', { weighting: { past: 3 } }, 'past: expected lists of 2 columns'],
    ['swcw-one-hot', { weighting: { chosen: 2 } }, 'expected a reference from 0 to 1, got 2'],
    ['swcw-one-hot', { weighting: { chosen: -1 } }, 'expected a reference from 0 to 1, got -1'],
    ['swcw-one-hot', { weighting: { chosen: 0.5 } }, 'got 0.5'],
    ['tsw', { weighting: { wins: [1, 1], losses: [1, 1], chosen: 0, random: [1, 2, 3] } }, 'four words of random'],
    ['tsw', { weighting: { wins: null, losses: [1, 1], chosen: 0, random: [1, 2, 3, 4] } }, 'expected wins'],
    ['tsw', { weighting: { wins: [1, 1], losses: [1, 1], chosen: 7, random: [1, 2, 3, 4] } }, 'got 7'],
    ['tsw', 'text', 'expected an object with the key weighting, got "text"'],
  ] as readonly (readonly [Weights, unknown, string])[])(
    'of %j that is not one is refused: %j',
    async (weights, state, message) => {
      const objective = await withWeights(weights);
      expect(() => objective.restore!(state)).toThrow(message);
      expect(() => objective.restore!(state)).toThrow('state of the objective cannot be restored');
    },
  );

  it('of an unfitted weighting comes back unfitted', async () => {
    const objective = await withWeights('vdw');
    objective.restore!({ weighting: { weights: null } });
    expect(() => objective.evaluate(probe)).toThrow('has not seen validation pairs');
  });
});
