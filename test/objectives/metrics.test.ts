import { expect, it } from 'vitest';
import { createObjective } from '../../src/objectives/create-objective.js';
import { createMetricSums, metricEntries, metricsOf } from '../../src/objectives/metrics.js';
import { batchOf, objectiveConfig } from './batches.js';

const pairs = [
  {
    policy: [-10, -14],
    references: [
      [-11, -13],
      [-12, -13],
    ],
    tokens: [5, 4],
  },
  {
    policy: [-20, -19],
    references: [
      [-21, -18],
      [-30, -29],
    ],
    tokens: [6, 6],
  },
  {
    policy: [-9, -8],
    references: [
      [-9, -8],
      [-6, -8.1],
    ],
    tokens: [3, 2],
  },
  {
    policy: [-15, -15],
    references: [
      [-16, -15],
      [-16, -14],
    ],
    tokens: [4, 8],
  },
] as const;

const NAMES = ['self', 'other'];

const mrpo = () => createObjective(objectiveConfig({ beta: 0.5 }), { references: 2 });

it('names and values are those of TRL and of the documentation', async () => {
  const batch = batchOf(...pairs);
  const result = (await mrpo()).evaluate(batch);
  const metrics = metricsOf(batch, result, NAMES);
  const mean = (column: Float64Array): number => column.reduce((sum, value) => sum + value, 0) / column.length;
  const share = (test: (row: number) => boolean): number => pairs.filter((_, row) => test(row)).length / pairs.length;
  expect(metrics).toEqual({
    loss: mean(result.losses),
    'rewards/chosen': mean(result.rewards.chosen),
    'rewards/rejected': mean(result.rewards.rejected),
    'rewards/margins': mean(result.rewards.chosen) - mean(result.rewards.rejected),
    'rewards/accuracies': share((row) => result.rewards.chosen[row]! > result.rewards.rejected[row]!),
    'logps/chosen': -13.5,
    'logps/rejected': -14,
    'accuracies/per_token': 0.5, // -2 > -3.5 and -3 > -4; not -20/6, not -15/4
    'accuracies/refm1': 0.75, // 1 > -1, 1 > -1 and 1 > 0; not 0 > 0
    'margins/refm1': 1.25, // 2, 2, 0 and 1
    'virtual/chosen': mean(result.virtual.chosen),
    'virtual/rejected': mean(result.virtual.rejected),
    'references/self/weight': mean(result.weights[0]!),
    'references/self/clip_share': 0,
    'references/self/dominance': 0.5,
    'references/other/weight': mean(result.weights[1]!),
    'references/other/clip_share': mean(result.isClipped.chosen[1]!) / 2 + mean(result.isClipped.rejected[1]!) / 2,
    'references/other/dominance': 0.5,
  });
});

it('margins are those of the rewards, in every row', async () => {
  const result = (await mrpo()).evaluate(batchOf(...pairs));
  result.margins.forEach((margin, row) =>
    expect(result.rewards.chosen[row]! - result.rewards.rejected[row]!).toBeCloseTo(margin, 12),
  );
});

it('a policy equal to its only reference has no accuracy, and neither reward nor margin', async () => {
  const batch = batchOf({ policy: [-10, -14], references: [[-10, -14]] });
  const objective = await createObjective(objectiveConfig({ loss: 'dpo' }), { references: 1 });
  const metrics = metricsOf(batch, objective.evaluate(batch), NAMES);
  expect(metrics).toMatchObject({
    'rewards/accuracies': 0,
    'rewards/margins': 0,
    'accuracies/refm1': 0,
    loss: Math.LN2,
    'references/self/clip_share': 0,
  });
});

it('a reference-free loss has no metrics of references it does not use', async () => {
  const objective = await createObjective(objectiveConfig({ loss: 'simpo' }), { references: 2 });
  const batch = batchOf(...pairs);
  const used = metricsOf(batch, objective.evaluate(batch), NAMES);
  expect(Object.keys(used)).toContain('accuracies/refm1');
  expect(Object.keys(used).filter((name) => /weight|clip|dominance|virtual/.test(name))).toEqual([]);
  const alone = batchOf({ policy: [-10, -14], references: [] });
  const names = Object.keys(metricsOf(alone, objective.evaluate(alone), []));
  expect(names.filter((name) => /refm1|references/.test(name))).toEqual([]);
});

it('batches of any sizes average to the metrics of all pairs', async () => {
  const objective = await mrpo();
  const sums = createMetricSums(NAMES);
  for (const batch of [batchOf(pairs[0]), batchOf(...pairs.slice(1))]) sums.add(batch, objective.evaluate(batch));
  const all = batchOf(...pairs);
  const whole = metricsOf(all, objective.evaluate(all), NAMES);
  expect(Object.keys(sums.means())).toEqual(Object.keys(whole));
  for (const [name, value] of metricEntries(sums.means())) expect(whole[name], name).toBeCloseTo(value, 12);
});
