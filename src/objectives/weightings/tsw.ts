/**
 * TSW (arXiv 2512.10040), Thompson sampling: a bandit whose arms are the references. Reference k is believed to help
 * with probability Beta(a_k, b_k), from the prior (a, a). Each step draws theta_k ~ Beta(a_k, b_k) and trains against
 * k* = argmax theta. The step paid off iff the policy's accuracy on a random validation subsample, the same before and
 * after the step, strictly rose: then a_k* += 1, else b_k* += 1.
 */
import { largest } from '../../core/extremes.js';
import { restoreRandom, seededRandom } from '../../core/random.js';
import { sampleBeta } from '../../math/sample-beta.js';
import type { Weighting } from '../weighting.js';
import { constantColumns, oneHot } from './constant.js';
import { badState, isNumberList, member, numberList } from './state.js';
import { referenceIndex } from './swcw-one-hot.js';

/**
 * Changes with `reward`; every row of a step has the same weights.
 * @param references K. @param prior a of the prior Beta(a, a), above 0. @param seed Of the draws.
 */
export function tswWeighting(references: number, prior: number, seed: number): Weighting {
  let wins = new Array<number>(references).fill(prior);
  let losses = new Array<number>(references).fill(prior);
  let random = seededRandom(seed);
  const draw = (): number => {
    const beliefs = wins.map((a, k) => sampleBeta(random, a, losses[k]!));
    return beliefs.indexOf(largest(beliefs));
  };
  let chosen = draw();
  return {
    columns: ({ size }) => constantColumns(size, oneHot(references, chosen)),
    reward: (accuracyBefore, accuracyAfter) => {
      const counts = accuracyAfter > accuracyBefore ? wins : losses;
      counts[chosen] = counts[chosen]! + 1;
      chosen = draw();
    },
    state: () => ({ wins: [...wins], losses: [...losses], chosen, random: [...random.state()] }),
    restore: (state) => {
      const words = member(state, 'random');
      const [savedWins, savedLosses] = [numberList(state, 'wins', references), numberList(state, 'losses', references)];
      if (!isNumberList(words) || words.length !== 4 || savedWins === undefined || savedLosses === undefined) {
        throw badState('expected wins, losses and four words of random');
      }
      chosen = referenceIndex(member(state, 'chosen'), references);
      [wins, losses, random] = [savedWins, savedLosses, restoreRandom(words as [number, number, number, number])];
    },
  };
}
