/** Objectives as a whole: names, contradictions, units, degenerate pairs, and that everything stays finite. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MrpoError } from '../../src/core/errors.js';
import { createObjective } from '../../src/objectives/create-objective.js';
import type { ObjectiveResult } from '../../src/objectives/objective.js';
import { batchOf, objectiveConfig, type Logps, type PairOfLogps } from './batches.js';

type Input = NonNullable<Parameters<typeof objectiveConfig>[0]>;

const LOSSES = ['dpo', 'multi-dpo', 'mrpo', 'forward-kl', 'hypo', 'alpha-dpo', 'simpo'] as const;

async function evaluate(input: Input, ...pairs: readonly [PairOfLogps, ...PairOfLogps[]]): Promise<ObjectiveResult> {
  const objective = await createObjective(objectiveConfig(input), { references: pairs[0].references.length });
  return objective.evaluate(batchOf(...pairs));
}

describe('names', () => {
  it.each([
    [{}, 'mrpo'],
    [{ loss: 'dpo', weights: 'uniform', clip: { mode: 'off' }, pooling: 'min' }, 'dpo'],
    [{ official_code: true }, 'mrpo-official-code'],
    [{ loss: 'multi-dpo', official_code: true }, 'multi-dpo-official-code'],
    [{ pooling: 'geometric', variant: 'ipo' }, 'mrpo(geometric, ipo)'],
    [{ loss: 'multi-dpo', pooling: 'max', weights: 'uniform', clip: { mode: 'off' } }, 'multi-dpo(uniform, clip off)'],
    [{ loss: 'forward-kl', pooling: 'max' }, 'forward-kl'],
    [
      { pooling: { power: 2 }, weights: [0.25, 0.75], clip: { mode: 'fixed', epsilon: 0.2 } },
      'mrpo(power 2, weights 0.25/0.75, clip 0.2)',
    ],
    [
      { weights: { method: 'swcw', window: 3 }, label_smoothing: 0.1, normalization: 'byte' },
      'mrpo(swcw, label smoothing 0.1, per byte)',
    ],
  ] as readonly (readonly [Input, string])[])('%j is %s', async (input, name) => {
    expect((await createObjective(objectiveConfig(input), { references: 2 })).name).toBe(name);
  });
});

describe('contradictions', () => {
  it.each([
    [{ variant: 'ipo', label_smoothing: 0.1 }, 2, 'ipo has no form with label smoothing'],
    [{ variant: 'hinge', label_smoothing: 0.1 }, 2, 'hinge has no form with label smoothing'],
    [{ loss: 'simpo', variant: 'ipo' }, 2, 'cannot be combined with loss simpo'],
    [{ official_code: true }, 3, 'exactly 2 references, got 3'],
    [{ official_code: true, loss: 'hypo' }, 2, 'a form of mrpo and multi-dpo, got loss: hypo'],
    [{ official_code: true, pooling: 'geometric' }, 2, 'expected pooling harmonic'],
    [{ official_code: true, weights: 'vdw' }, 2, 'knows weights arwc, uniform and a list'],
    [{ official_code: true, weights: { method: 'swcw' } }, 2, 'knows weights arwc, uniform and a list'],
    [{}, 0, 'needs at least 1 reference, got 0'],
    [{ loss: 'dpo' }, 1.5, 'needs at least 1 reference, got 1.5'],
  ] as readonly (readonly [Input, number, string])[])(
    '%j with %d references is refused',
    async (input, references, message) => {
      const refused = createObjective(objectiveConfig(input), { references });
      await expect(refused).rejects.toThrow(message);
      await expect(refused).rejects.toMatchObject({ code: 'config' });
      await expect(refused).rejects.toBeInstanceOf(MrpoError);
    },
  );

  it('a power that is not a number is refused', async () => {
    const config = { ...objectiveConfig(), pooling: { power: NaN } };
    await expect(createObjective(config, { references: 2 })).rejects.toThrow(
      'pooling.power: expected a number, got NaN',
    );
  });

  it.each([
    { official_code: true, loss: 'multi-dpo', pooling: 'geometric' },
    { official_code: true, weights: [0.1, 0.9] },
    { official_code: true, weights: 'uniform' },
    { loss: 'simpo', variant: 'hinge' },
  ] as readonly Input[])('%j is fine', async (input) => {
    await expect(createObjective(objectiveConfig(input), { references: 2 })).resolves.toBeDefined();
  });
});

describe('how many references a batch must bring', () => {
  it('is open for dpo and simpo, and fixed for the others', async () => {
    const counts = await Promise.all(
      LOSSES.map(async (loss) => (await createObjective(objectiveConfig({ loss }), { references: 3 })).references),
    );
    expect(Object.fromEntries(LOSSES.map((loss, index) => [loss, counts[index]]))).toEqual({
      dpo: undefined,
      'multi-dpo': 3,
      mrpo: 3,
      'forward-kl': 3,
      hypo: 3,
      'alpha-dpo': 3,
      simpo: undefined,
    });
  });

  it('dpo needs one, and gives the others no weight', async () => {
    const dpo = await createObjective(objectiveConfig({ loss: 'dpo' }), { references: 1 });
    expect(() => dpo.evaluate(batchOf({ policy: [-1, -2], references: [] }))).toThrow(
      'expected log-probs of 1 references, got 0',
    );
    const result = dpo.evaluate(
      batchOf({
        policy: [-1, -2],
        references: [
          [-1, -3],
          [-9, -9],
        ],
      }),
    );
    expect(result.weights.map((column) => [...column])).toEqual([[1], [0]]);
    expect(result.margins[0]).toBeCloseTo(-0.1, 15);
  });
});

describe('fixed weights in official-code mode', () => {
  it('lie crossed on the harmonic mean, as in the released code', async () => {
    const pair = {
      policy: [-100, -120] as Logps,
      references: [
        [-105, -118],
        [-106, -116],
      ] as const,
    };
    const clip = { mode: 'off' } as const;
    const official = await evaluate({ official_code: true, weights: [0.2, 0.8], clip }, pair);
    const paper = await evaluate({ weights: [0.8, 0.2], clip }, pair);
    expect(official.virtual.chosen).toEqual(paper.virtual.chosen);
    expect(official.weights.map((column) => column[0])).toEqual([0.2, 0.8]);
  });
});

describe('units', () => {
  const pair = {
    policy: [-40, -90] as Logps,
    references: [
      [-44, -81],
      [-48, -99],
    ] as const,
    tokens: [20, 30] as Logps,
  };

  it.each(['token', 'byte'] as const)(
    'per %s, gradients are still those of the summed log-probs',
    async (normalization) => {
      const lengths = normalization === 'token' ? [20, 30] : [80, 120];
      const scaled = (logps: Logps): Logps => [logps[0] / lengths[0]!, logps[1] / lengths[1]!];
      const result = await evaluate({ normalization }, pair);
      const plain = await evaluate({}, { policy: scaled(pair.policy), references: pair.references.map(scaled) });
      expect(result.losses).toEqual(plain.losses);
      expect(result.gradients.chosen[0]).toBe(plain.gradients.chosen[0]! / lengths[0]!);
      expect(result.gradients.rejected[0]).toBe(plain.gradients.rejected[0]! / lengths[1]!);
    },
  );

  it('weights compare the log-probs of the loss unless told otherwise', async () => {
    const weightsOf = async (input: Input) => (await evaluate(input, pair)).weights.map((column) => column[0]!);
    const [sums, tokens] = [
      [37 / 88, 51 / 88],
      [0.5 / 1.4, 0.9 / 1.4],
    ];
    expect((await weightsOf({}))[0]).toBeCloseTo(sums[0]!, 14);
    expect((await weightsOf({ normalization: 'token' }))[0]).toBeCloseTo(tokens[0]!, 14);
    expect((await weightsOf({ normalization: 'token', weights_on: 'sum' }))[0]).toBeCloseTo(sums[0]!, 14);
    expect((await weightsOf({ weights_on: 'token' }))[1]).toBeCloseTo(tokens[1]!, 14);
  });

  it.each(['simpo', 'alpha-dpo'] as const)('%s is per token by definition, per byte where asked', async (loss) => {
    const [sum, token, byte] = await Promise.all(
      (['sum', 'token', 'byte'] as const).map((normalization) => evaluate({ loss, normalization, gamma: 0 }, pair)),
    );
    expect(sum!.losses).toEqual(token!.losses);
    expect(byte!.margins[0]).toBeCloseTo(0.1 * (-40 / 80 + 90 / 120), 14);
  });
});

describe('AlphaDPO', () => {
  const pairs = [
    { policy: [-10, -20] as Logps, references: [[-12, -18]] as const },
    { policy: [-10, -12] as Logps, references: [[-10, -20]] as const },
  ];

  it('standardises by the batch until a step has been seen, then by past steps', async () => {
    const objective = await createObjective(objectiveConfig({ loss: 'alpha-dpo', beta: 1, gamma: 0.25, alpha: 0.5 }), {
      references: 1,
    });
    const batch = batchOf(...pairs);
    const first = objective.evaluate(batch).margins; // gaps 0.4 and -0.8 per token: z = +1 and -1
    expect(first[0]).toBeCloseTo(1 - 0.25 - 0.5, 12);
    expect(first[1]).toBeCloseTo(0.2 - 0.25 + 0.5, 12);
    objective.observe!(batchOf(pairs[0]!, pairs[0]!, pairs[1]!, pairs[1]!));
    expect(objective.state!()).toEqual({ loss: { gap: [expect.closeTo(-0.2, 12), expect.closeTo(0.6, 12)] } });
    expect(objective.evaluate(batchOf(pairs[0]!)).margins[0]).toBeCloseTo(first[0]!, 12);
    objective.observe!(batchOf(pairs[0]!));
    expect(objective.state!()).toEqual({ loss: { gap: [expect.closeTo(-0.18 + 0.04, 12), expect.closeTo(0.54, 12)] } });
    objective.restore!({ loss: { gap: null } });
    expect(objective.evaluate(batchOf(pairs[0]!)).margins[0]).toBeCloseTo(1 - 0.25, 12);
  });

  it('learns nothing from an empty step, and keeps weighting and loss apart in its state', async () => {
    const objective = await createObjective(objectiveConfig({ loss: 'alpha-dpo', weights: 'swcw-one-hot' }), {
      references: 1,
    });
    objective.observe!(batchOf(...pairs));
    const before = objective.state!();
    expect(Object.keys(before as object)).toEqual(['weighting', 'loss']);
    expect(() => objective.restore!({ weighting: { chosen: 0 } })).toThrow('the key loss');
  });
});

describe('degenerate pairs', () => {
  it('without any difference between responses weigh all references alike', async () => {
    const { weights } = await evaluate(
      {},
      {
        policy: [-5, -6],
        references: [
          [-5, -5],
          [-7, -7],
          [-9, -9],
        ],
      },
    );
    expect(weights.map((column) => column[0])).toEqual([1 / 3, 1 / 3, 1 / 3]);
  });

  it('that every reference is certain of get half of epsilon each', async () => {
    const { epsilon } = await evaluate(
      {},
      {
        policy: [-5, -6],
        references: [
          [0, 0],
          [0, 0],
        ],
      },
    );
    expect([epsilon.chosen[0], epsilon.rejected[0]]).toEqual([0.05, 0.05]);
  });

  it('with a certain first reference leave the others no band', async () => {
    const { clipped } = await evaluate(
      {},
      {
        policy: [-5, -6],
        references: [
          [0, -3],
          [-40, -3],
        ],
      },
    );
    expect(Math.abs(clipped.chosen[1]![0]!)).toBe(0);
  });

  it.each(['dpo', 'multi-dpo', 'mrpo', 'hypo'] as const)(
    'with policy and references equal: %s loss is log 2',
    async (loss) => {
      const { losses, gradients } = await evaluate(
        { loss },
        {
          policy: [-50, -50],
          references: [
            [-50, -50],
            [-50, -50],
          ],
        },
      );
      expect(losses[0]).toBe(Math.LN2);
      expect([gradients.chosen[0], gradients.rejected[0]]).toEqual([-0.05, 0.05]);
    },
  );
});

it('every loss stays finite for log-probs from 0 to -1e5 and 1 to 64 references', async () => {
  const logp = fc.oneof(fc.constantFrom(0, -1e-300, -1, -1e5, -5e4), fc.double({ min: -1e5, max: 0, noNaN: true }));
  const pair = fc.tuple(logp, logp);
  const settings = fc.record({
    loss: fc.constantFrom(...LOSSES),
    variant: fc.constantFrom('sigmoid' as const, 'robust' as const, 'hinge' as const),
    pooling: fc.constantFrom(
      'harmonic' as const,
      'geometric' as const,
      'arithmetic' as const,
      'min' as const,
      'max' as const,
      { power: -40 },
      { power: 1e-9 },
      { power: 7 },
    ),
    weights: fc.constantFrom('arwc' as const, 'uniform' as const, 'swcw' as const, 'tsw' as const),
    clip: fc.constantFrom(
      { mode: 'off' as const },
      { mode: 'fixed' as const, epsilon: 1e6 },
      { mode: 'adaptive' as const, epsilon_max: 0.1 },
    ),
  });
  await fc.assert(
    fc.asyncProperty(
      settings,
      pair,
      fc.array(pair, { minLength: 1, maxLength: 64 }),
      async (input, policy, references) => {
        const result = await evaluate(input, { policy, references, tokens: [7, 9] });
        const columns = [
          result.losses,
          result.gradients.chosen,
          result.gradients.rejected,
          result.margins,
          result.rewards.chosen,
          result.rewards.rejected,
          ...result.weights,
          ...result.clipped.chosen,
          ...result.clipped.rejected,
        ];
        expect(columns.flatMap((column) => [...column]).every(Number.isFinite)).toBe(true);
        expect(result.gradients.chosen[0]).toBeLessThanOrEqual(0);
        expect(result.gradients.rejected[0]).toBeGreaterThanOrEqual(0);
      },
    ),
    { numRuns: 300 },
  );
});
