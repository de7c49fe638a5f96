/**
 * What training and evaluation report of a batch, under TRL's names where TRL has one. All values are means over the
 * pairs, so that batches of any sizes combine exactly (see {@link averageMetrics}).
 */
import { mean, referenceFreeAccuracy, rewardAccuracy, shareAbove } from '../math/preference-metrics.js';
import { disagreementShare, dominanceShares } from '../math/reference-metrics.js';
import type { ObjectiveResult, PairBatch } from './objective.js';

/** Metric name to mean over pairs. */
export type PreferenceMetrics = Readonly<Record<string, number>>;

/**
 * Metrics of one evaluated batch (at least one pair).
 *
 * TRL's: `loss`, `rewards/chosen`, `rewards/rejected`, `rewards/margins` (all as the objective sees them),
 * `rewards/accuracies` (strictly higher reward for the chosen response), `logps/chosen`, `logps/rejected` (nats).
 * Comparable between methods: `accuracies/ref1` (reward against the first reference whatever the method),
 * `accuracies/reference_free` (log-prob per token), `accuracies/longer` (the baseline "the longer response wins").
 * Of the references, where the objective uses any: `clip_share` (of further references' responses), `disagreement`
 * (pairs on which references prefer different responses), and per reference k from 1: `reference_k/weight`,
 * `reference_k/clip_share`, `reference_k/dominance` (responses where it is the least likely one),
 * `reference_k/accuracy` (pairs it ranks right by summed log-prob).
 */
export function preferenceMetrics(batch: PairBatch, result: ObjectiveResult): PreferenceMetrics {
  const { chosen, rejected } = batch.policy;
  const rewardChosen = mean(result.rewards.chosen);
  const rewardRejected = mean(result.rewards.rejected);
  return {
    loss: mean(result.losses),
    'rewards/chosen': rewardChosen,
    'rewards/rejected': rewardRejected,
    'rewards/margins': rewardChosen - rewardRejected,
    'rewards/accuracies': shareAbove(result.rewards.chosen, result.rewards.rejected),
    'logps/chosen': mean(chosen.logps),
    'logps/rejected': mean(rejected.logps),
    'accuracies/reference_free': referenceFreeAccuracy(chosen.logps, rejected.logps, chosen.tokens, rejected.tokens),
    'accuracies/longer': shareAbove(chosen.tokens, rejected.tokens),
    ...referenceMetrics(batch, result),
  };
}

/**
 * Means over all pairs of several batches.
 * @param parts Metrics of each batch and its number of pairs; all with the same names.
 */
export function averageMetrics(
  parts: readonly { readonly pairs: number; readonly metrics: PreferenceMetrics }[],
): PreferenceMetrics {
  const pairs = parts.reduce((sum, part) => sum + part.pairs, 0);
  const names = Object.keys(parts[0]?.metrics ?? {});
  return Object.fromEntries(
    names.map((name) => [
      name,
      parts.reduce((sum, part) => sum + (part.metrics[name] ?? NaN) * (part.pairs / pairs), 0),
    ]),
  );
}

function referenceMetrics(batch: PairBatch, result: ObjectiveResult): PreferenceMetrics {
  const { policy, references } = batch;
  const first = references[0];
  if (first === undefined) return {};
  const [chosen, rejected] = [
    references.map((model) => model.chosen.logps),
    references.map((model) => model.rejected.logps),
  ];
  return {
    'accuracies/ref1': rewardAccuracy(
      policy.chosen.logps,
      policy.rejected.logps,
      first.chosen.logps,
      first.rejected.logps,
    ),
    disagreement: disagreementShare(chosen, rejected),
    ...Object.fromEntries(
      references.map((_, k) => [`reference_${k + 1}/accuracy`, shareAbove(chosen[k]!, rejected[k]!)]),
    ),
    ...(result.weights.length > 0 && usedReferenceMetrics(result)),
  };
}

function usedReferenceMetrics(result: ObjectiveResult): PreferenceMetrics {
  const { weights } = result;
  const clipShares = weights.map(
    (_, k) => (mean(result.isClipped.chosen[k]!) + mean(result.isClipped.rejected[k]!)) / 2,
  );
  const dominance = dominanceShares([result.clipped.chosen, result.clipped.rejected], weights);
  const further = clipShares.slice(1);
  return {
    clip_share: further.length === 0 ? 0 : further.reduce((sum, share) => sum + share, 0) / further.length,
    ...Object.fromEntries(
      weights.flatMap((weight, k) => [
        [`reference_${k + 1}/weight`, mean(weight)],
        [`reference_${k + 1}/clip_share`, clipShares[k]!],
        [`reference_${k + 1}/dominance`, dominance[k]!],
      ]),
    ),
  };
}
