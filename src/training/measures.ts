/**
 * What is reported of a set of pairs: TRL's names where TRL has one, and beside them the two accuracies that do not
 * depend on the objective's own reference, and what each reference did.
 *
 * | name                                 | mean over pairs of                                                        |
 * |--------------------------------------|---------------------------------------------------------------------------|
 * | loss                                 | the objective's loss                                                      |
 * | rewards/chosen, rewards/rejected     | the objective's implicit reward, beta * (policy - its reference)          |
 * | rewards/margins                      | their difference                                                          |
 * | rewards/accuracies                   | own reward: 1 if chosen > rejected, strictly (ties count 0, as in TRL)    |
 * | accuracies/refm1                     | the same with the reward against the first reference                      |
 * | accuracies/per_token                 | no reference: 1 if chosen has the higher log-prob per token               |
 * | margins/refm1                        | (policy - first reference) of chosen minus that of rejected, nats         |
 * | logps/chosen, logps/rejected         | the policy's log-prob, summed over response tokens, nats                  |
 * | virtual/chosen, virtual/rejected     | the objective's reference, nats                                           |
 * | references/NAME/weight               | the weight of a reference                                                 |
 * | references/NAME/clip_share           | 1 for each response of the two whose log-prob the trust region moved      |
 * | references/NAME/dominance            | 1 for each response of the two that this reference, clipped, finds the    |
 * |                                      | least likely of all: it decides the harmonic mean                         |
 */
import { smallest } from '../core/extremes.js';
import type { ModelColumns, ObjectiveResult, PairBatch } from '../objectives/objective.js';

/** Means by name. A value that is not defined (a reference-free loss has no virtual reference) is left out. */
export type Measures = Readonly<Record<string, number>>;

/** Adds up over batches; the means are those over all pairs, not over batches. */
export interface MeasureSums {
  add(batch: PairBatch, result: ObjectiveResult): void;
  means(): Measures;
}

/** @param referenceNames In configuration order. */
export function createMeasureSums(referenceNames: readonly string[]): MeasureSums {
  const sums = new Map<string, number>();
  let pairs = 0;
  return {
    add(batch, result) {
      pairs += batch.size;
      for (const [name, sum] of Object.entries(sumsOf(batch, result, referenceNames))) {
        sums.set(name, (sums.get(name) ?? 0) + sum);
      }
    },
    means() {
      const means = [...sums].map(([name, sum]) => [name, sum / pairs] as const);
      return Object.fromEntries(means.filter(([, mean]) => Number.isFinite(mean)));
    },
  };
}

function sumsOf(batch: PairBatch, result: ObjectiveResult, names: readonly string[]): Record<string, number> {
  const { policy, references, size } = batch;
  const first = references[0];
  const sums: Record<string, number> = {
    loss: total(result.losses),
    'rewards/chosen': total(result.rewards.chosen),
    'rewards/rejected': total(result.rewards.rejected),
    'rewards/margins': total(result.rewards.chosen) - total(result.rewards.rejected),
    'rewards/accuracies': countWins(result.rewards.chosen, result.rewards.rejected),
    'accuracies/per_token': countWins(perToken(policy, 'chosen'), perToken(policy, 'rejected')),
    'logps/chosen': total(policy.chosen.logps),
    'logps/rejected': total(policy.rejected.logps),
    'virtual/chosen': total(result.virtual.chosen),
    'virtual/rejected': total(result.virtual.rejected),
  };
  if (first !== undefined) {
    const [chosen, rejected] = [gain(policy, first, 'chosen'), gain(policy, first, 'rejected')];
    sums['accuracies/refm1'] = countWins(chosen, rejected);
    sums['margins/refm1'] = total(chosen) - total(rejected);
  }
  names.forEach((name, k) => {
    const [weights, clippedChosen, clippedRejected] = [
      result.weights[k],
      result.isClipped.chosen[k],
      result.isClipped.rejected[k],
    ];
    if (weights !== undefined) sums[`references/${name}/weight`] = total(weights);
    if (clippedChosen !== undefined && clippedRejected !== undefined) {
      sums[`references/${name}/clip_share`] = (total(clippedChosen) + total(clippedRejected)) / 2;
    }
    if (result.clipped.chosen.length > 1) {
      sums[`references/${name}/dominance`] =
        (leastLikely(result.clipped.chosen, result.weights, k, size) +
          leastLikely(result.clipped.rejected, result.weights, k, size)) /
        2;
    }
  });
  return sums;
}

type Side = 'chosen' | 'rejected';

const total = (column: Float64Array): number => column.reduce((sum, value) => sum + value, 0);

const countWins = (chosen: Float64Array, rejected: Float64Array): number =>
  chosen.reduce((wins, value, i) => wins + (value > (rejected[i] ?? NaN) ? 1 : 0), 0);

const perToken = (model: ModelColumns, side: Side): Float64Array =>
  model[side].logps.map((logp, i) => logp / (model[side].tokens[i] ?? NaN));

const gain = (policy: ModelColumns, reference: ModelColumns, side: Side): Float64Array =>
  policy[side].logps.map((logp, i) => logp - (reference[side].logps[i] ?? NaN));

/** How many responses reference k gives the lowest log-prob of all that count; the first of equals. */
function leastLikely(
  references: readonly Float64Array[],
  weights: readonly Float64Array[],
  k: number,
  size: number,
): number {
  let count = 0;
  for (let i = 0; i < size; i++) {
    // One without weight (DPO knows only the first) decides nothing.
    const logps = references.map((logps, j) => ((weights[j]?.[i] ?? 0) > 0 ? (logps[i] ?? NaN) : Infinity));
    if (logps.indexOf(smallest(logps)) === k) count += 1;
  }
  return count;
}
