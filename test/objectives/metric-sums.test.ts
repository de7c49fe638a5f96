import { describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/config/index.js';
import { createObjective } from '../../src/objectives/create-objective.js';
import type { ModelColumns, Objective, PairBatch } from '../../src/objectives/objective.js';
import { createMetricSums, type Metrics } from '../../src/objectives/metrics.js';

const columns = (
  chosen: number[],
  rejected: number[],
  chosenTokens: number[],
  rejectedTokens: number[],
): ModelColumns => ({
  chosen: { logps: Float64Array.from(chosen), tokens: Float64Array.from(chosenTokens) },
  rejected: { logps: Float64Array.from(rejected), tokens: Float64Array.from(rejectedTokens) },
});

/** Two pairs. Per token the policy prefers chosen in the first only; against RefM1 it moved towards chosen in the second only. */
const BATCH: PairBatch = {
  size: 2,
  policy: columns([-10, -30], [-24, -16], [10, 10], [8, 8]),
  references: [columns([-9, -31], [-24, -16], [10, 10], [8, 8]), columns([-20, -20], [-20, -40], [5, 5], [5, 5])],
  bytes: { chosen: Float64Array.of(40, 40), rejected: Float64Array.of(32, 32) },
};

async function objective(settings: object, references = 2): Promise<Objective> {
  const object = {
    policy: { model: 'toy:a' },
    references: [{ model: 'policy' }, { model: 'toy:b' }],
    data: { train: 'x' },
    objective: settings,
  } as const;
  return createObjective(loadConfig({ object: object as never, env: {} }).config.objective, { references });
}

function measure(batch: PairBatch, of: Objective): Metrics {
  const sums = createMetricSums(['self', 'other']);
  sums.add(batch, of.evaluate(batch));
  return sums.means();
}

describe('createMetricSums', () => {
  it('keeps the three accuracies apart', async () => {
    const measures = measure(BATCH, await objective({ loss: 'dpo', beta: 0.1 }));
    expect(measures['accuracies/per_token']).toBe(0.5); // -1 > -3 in the first, -3 < -2 in the second
    expect(measures['accuracies/refm1']).toBe(0.5); // -1 < 0 in the first, 1 > 0 in the second
    expect(measures['rewards/accuracies']).toBe(0.5);
    expect(measures['margins/refm1']).toBeCloseTo((-1 + 1) / 2, 12);
    expect(measures['rewards/margins']).toBeCloseTo(0, 12);
    expect(measures['logps/chosen']).toBe(-20);
    expect(measures['loss']).toBeCloseTo((Math.log(1 + Math.exp(0.1)) + Math.log(1 + Math.exp(-0.1))) / 2, 12);
  });

  it('counts ties as wrong, as TRL does', async () => {
    const tied = { ...BATCH, policy: BATCH.references[0]! };
    const measures = measure(tied, await objective({ loss: 'dpo' }));
    expect([measures['rewards/accuracies'], measures['accuracies/refm1']]).toEqual([0, 0]);
    expect(measures['loss']).toBeCloseTo(Math.LN2, 15);
  });

  it('says how much each reference weighed, was clipped, and decided', async () => {
    const measures = measure(
      BATCH,
      await objective({ loss: 'mrpo', weights: [0.25, 0.75], clip: { mode: 'fixed', epsilon: 0.1 } }),
    );
    expect([measures['references/self/weight'], measures['references/other/weight']]).toEqual([0.25, 0.75]);
    expect(measures['references/self/clip_share']).toBe(0);
    // -20 against -9, -20 against -24, -20 against -31, -40 against -16: all four outside the band of 10 %.
    expect(measures['references/other/clip_share']).toBe(1);
    // Clipped to -9.9, -21.6, -27.9, -17.6: least likely in the first chosen and the last rejected response.
    expect(measures['references/other/dominance']).toBe(0.5);
    expect(measures['references/self/dominance']).toBe(0.5);
  });

  it('weighs pairs and not batches', async () => {
    const dpo = await objective({ loss: 'dpo' });
    const sums = createMetricSums(['self', 'other']);
    const one = (i: number): PairBatch => ({
      ...BATCH,
      size: 1,
      policy: slice(BATCH.policy, i),
      references: BATCH.references.map((reference) => slice(reference, i)),
      bytes: { chosen: BATCH.bytes.chosen.slice(i, i + 1), rejected: BATCH.bytes.rejected.slice(i, i + 1) },
    });
    for (const batch of [BATCH, one(0)]) sums.add(batch, dpo.evaluate(batch));
    expect(sums.means()['logps/chosen']).toBeCloseTo((-10 - 30 - 10) / 3, 12);
  });

  it('leaves out what is not defined: a loss without reference has no virtual reference and no weights', async () => {
    const measures = measure(BATCH, await objective({ loss: 'simpo' }));
    expect(measures['virtual/chosen']).toBeUndefined();
    expect(measures['references/self/weight']).toBeUndefined();
    expect(measures['accuracies/refm1']).toBe(0.5);
  });
});

const slice = ({ chosen, rejected }: ModelColumns, i: number): ModelColumns => ({
  chosen: { logps: chosen.logps.slice(i, i + 1), tokens: chosen.tokens.slice(i, i + 1) },
  rejected: { logps: rejected.logps.slice(i, i + 1), tokens: rejected.tokens.slice(i, i + 1) },
});
