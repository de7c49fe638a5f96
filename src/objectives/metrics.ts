/**
 * What is reported of a set of pairs, in training, evaluation, reports and `mrpo explain`: TRL's names where TRL has
 * one, and beside them the two accuracies that do not depend on the objective's own reference, and what each reference
 * did.
 *
 * | name                                 | mean over pairs of                                                        |
 * |--------------------------------------|---------------------------------------------------------------------------|
 * | loss                                 | the objective's loss                                                      |
 * | rewards/chosen, rewards/rejected     | the objective's implicit reward, beta * (policy - its reference)          |
 * | rewards/margins                      | their difference                                                          |
 * | rewards/accuracies                   | own reward: 1 if chosen > rejected, strictly (ties count 0, as in TRL)    |
 * | accuracies/refm1                     | the same with the gain over the first reference; differences within       |
 * |                                      | numerical noise are ties (see training/numerical-noise.ts)                |
 * | accuracies/per_token                 | no reference: 1 if chosen has the higher log-prob per token               |
 * | margins/refm1                        | (policy - first reference) of chosen minus that of rejected, nats         |
 * | logps/chosen, logps/rejected         | the policy's log-prob, summed over response tokens, nats                  |
 * | virtual/chosen, virtual/rejected     | the objective's reference, nats                                           |
 * | references/NAME/weight               | the weight of a reference                                                 |
 * | references/NAME/clip_share           | 1 for each response of the two whose log-prob was clipped                 |
 * | references/NAME/dominance            | 1 for each response of the two that this reference, clipped, finds the    |
 * |                                      | least likely of all: it decides the harmonic mean                         |
 */
import { eachSide } from '../core/sides.js';
import { perLength } from '../math/normalization.js';
import { countAbove, total } from '../math/preference-metrics.js';
import { dominanceCounts } from '../math/reference-metrics.js';
import type { ObjectiveResult, PairBatch } from './objective.js';

/** Name of a measure, as in metrics.jsonl. */
export type MetricName =
  | 'loss'
  | 'rewards/chosen'
  | 'rewards/rejected'
  | 'rewards/margins'
  | 'rewards/accuracies'
  | 'accuracies/refm1'
  | 'accuracies/per_token'
  | 'margins/refm1'
  | 'logps/chosen'
  | 'logps/rejected'
  | 'virtual/chosen'
  | 'virtual/rejected'
  | `references/${string}/${ReferenceMetric}`;

/** Measures that each reference has; shares and weights from 0 to 1. */
export type ReferenceMetric = 'weight' | 'clip_share' | 'dominance';

/** Means by name. A value that is not defined (a reference-free loss has no virtual reference) is left out. */
export type Metrics = { readonly [Name in MetricName]?: number };

/** Those that are defined, by name. */
export const metricEntries = (metrics: Metrics): [MetricName, number][] =>
  Object.entries(metrics) as [MetricName, number][];

/** Adds up over batches; the means are those over all pairs, not over batches. */
export interface MetricSums {
  add(batch: PairBatch, result: ObjectiveResult): void;
  means(): Metrics;
}

/** Starts at no pairs; the means of no pairs are empty. @param referenceNames In configuration order. */
export function createMetricSums(referenceNames: readonly string[]): MetricSums {
  const sums = new Map<string, number>();
  let pairs = 0;
  return {
    add(batch, result) {
      pairs += batch.size;
      for (const [name, sum] of metricEntries(sumsOf(batch, result, referenceNames))) {
        sums.set(name, (sums.get(name) ?? 0) + sum);
      }
    },
    means() {
      const means = [...sums].map(([name, sum]) => [name, sum / pairs] as const);
      return Object.fromEntries(means.filter(([, mean]) => Number.isFinite(mean)));
    },
  };
}

/** Sums over pairs by name. */
type Sums = { [Name in MetricName]?: number };

/** Metrics of one batch. */
export function metricsOf(batch: PairBatch, result: ObjectiveResult, referenceNames: readonly string[]): Metrics {
  const sums = createMetricSums(referenceNames);
  sums.add(batch, result);
  return sums.means();
}

function sumsOf(batch: PairBatch, result: ObjectiveResult, names: readonly string[]): Sums {
  const { policy } = batch;
  const { rewards } = result;
  const perToken = eachSide((side) => perLength(policy[side].logps, policy[side].tokens));
  return {
    loss: total(result.losses),
    'rewards/chosen': total(rewards.chosen),
    'rewards/rejected': total(rewards.rejected),
    'rewards/margins': total(rewards.chosen) - total(rewards.rejected),
    'rewards/accuracies': countAbove(rewards.chosen, rewards.rejected),
    'accuracies/per_token': countAbove(perToken.chosen, perToken.rejected),
    'logps/chosen': total(policy.chosen.logps),
    'logps/rejected': total(policy.rejected.logps),
    'virtual/chosen': total(result.virtual.chosen),
    'virtual/rejected': total(result.virtual.rejected),
    ...againstFirst(batch),
    ...ofReferences(result, names),
  };
}

/** The policy against RefM1, whatever reference the objective uses. */
function againstFirst({ policy, references: [first], noise }: PairBatch): Sums {
  if (first === undefined) return {};
  const gain = eachSide((side) => policy[side].logps.map((logp, i) => logp - (first[side].logps[i] ?? NaN)));
  return {
    'accuracies/refm1': countAbove(gain.chosen, gain.rejected, noise),
    'margins/refm1': total(gain.chosen) - total(gain.rejected),
  };
}

function ofReferences({ weights, clipped, isClipped }: ObjectiveResult, names: readonly string[]): Sums {
  const dominance = weights.length > 1 ? dominanceCounts([clipped.chosen, clipped.rejected], weights) : [];
  const sums: Sums = {};
  weights.forEach((weight, k) => {
    const prefix = `references/${names[k] ?? k + 1}` as const;
    sums[`${prefix}/weight`] = total(weight);
    sums[`${prefix}/clip_share`] = (total(isClipped.chosen[k]!) + total(isClipped.rejected[k]!)) / 2;
    if (dominance[k] !== undefined) sums[`${prefix}/dominance`] = dominance[k] / 2;
  });
  return sums;
}
