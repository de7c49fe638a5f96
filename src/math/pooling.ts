/**
 * Pooling: K log-probs and weights become the log-prob of one virtual reference, as a weighted power mean of
 * probabilities with exponent p.
 *
 *   l~ = (1/p) log sum_k alpha_k e^(p l_k)
 *
 *   p = -1   harmonic    Proposition 1 of MRPO (arXiv 2405.16388): 1 / sum_k alpha_k / pi_k
 *   p -> 0   geometric   sum_k alpha_k l_k, the exact optimum of the multi-reference KL problem (arXiv 2502.01203)
 *   p = 1    arithmetic  the mixture sum_k alpha_k pi_k
 *   p -> -Infinity, +Infinity   the least and the most likely reference of those with a weight
 *
 * The sum is taken around the geometric mean g = sum_k alpha_k l_k:
 *
 *   l~ = g + (1/p) log1p(sum_k alpha_k expm1(p (l_k - g)))
 *
 * By Jensen's inequality the inner sum is >= 0, so nothing cancels: the form is exact as p -> 0, for log-probs near 0,
 * and needs no logarithm of a weight. Where an exponent would be large, log-sum-exp with log-weights takes over.
 * A weight of 0 drops its reference, whatever its log-prob.
 */

/** Largest exponent p (l_k - g) of the centred form. For p > 0 the result may lie far above g: there digits would go. */
const LARGEST_EXPONENT_NEGATIVE_P = 700;
const LARGEST_EXPONENT_POSITIVE_P = 8;

/**
 * Virtual log-prob of B responses.
 * @param logps K columns of length B, nats, each <= 0.
 * @param weights K columns of length B; each row >= 0 and adding up to 1.
 * @param power Exponent p, any number including 0 and +-Infinity.
 */
export function poolColumns(logps: readonly Float64Array[], weights: readonly Float64Array[], power: number): Float64Array {
  if (power === 0) return geometricMeans(logps, weights);
  if (power === -Infinity || power === Infinity) return extremes(logps, weights, power);
  return powerMeans(logps, weights, power);
}

/** sum_k alpha_k l_k. All terms have one sign, so nothing cancels. */
function geometricMeans(logps: readonly Float64Array[], weights: readonly Float64Array[]): Float64Array {
  const means = new Float64Array(logps[0]?.length ?? 0);
  for (let k = 0; k < logps.length; k++) {
    const [logp, weight] = [logps[k]!, weights[k]!];
    for (let row = 0; row < means.length; row++) means[row] = means[row]! + weight[row]! * logp[row]!;
  }
  return means;
}

function powerMeans(logps: readonly Float64Array[], weights: readonly Float64Array[], power: number): Float64Array {
  const centres = geometricMeans(logps, weights);
  const sums = centredSums(logps, weights, centres, power);
  for (let row = 0; row < centres.length; row++) {
    const sum = sums[row]!;
    centres[row] = sum === Infinity ? logSumExpMean(logps, weights, row, power) : centres[row]! + Math.log1p(Math.max(sum, 0)) / power;
  }
  return centres;
}

/** sum_k alpha_k expm1(p (l_k - g)) of every row; Infinity where an exponent is too large for this form. */
function centredSums(
  logps: readonly Float64Array[],
  weights: readonly Float64Array[],
  centres: Float64Array,
  power: number,
): Float64Array {
  const limit = power < 0 ? LARGEST_EXPONENT_NEGATIVE_P : LARGEST_EXPONENT_POSITIVE_P;
  const sums = new Float64Array(centres.length);
  for (let k = 0; k < logps.length; k++) {
    const [logp, weight] = [logps[k]!, weights[k]!];
    for (let row = 0; row < sums.length; row++) {
      const alpha = weight[row]!;
      if (alpha === 0) continue;
      const exponent = power * (logp[row]! - centres[row]!);
      if (exponent > limit) sums[row] = Infinity;
      else sums[row] = sums[row]! + alpha * Math.expm1(exponent);
    }
  }
  return sums;
}

/** (1/p) log sum_k e^(log alpha_k + p l_k) of one row, in one pass with a running maximum. */
function logSumExpMean(logps: readonly Float64Array[], weights: readonly Float64Array[], row: number, power: number): number {
  let largest = -Infinity;
  let sum = 0;
  for (let k = 0; k < logps.length; k++) {
    const weight = weights[k]![row]!;
    if (weight === 0) continue;
    const term = Math.log(weight) + power * logps[k]![row]!;
    if (term <= largest) {
      sum += Math.exp(term - largest);
    } else {
      sum = sum * Math.exp(largest - term) + 1;
      largest = term;
    }
  }
  return (largest + Math.log(sum)) / power;
}

/** min_k l_k (sign -Infinity) or max_k l_k over the references with a weight. */
function extremes(logps: readonly Float64Array[], weights: readonly Float64Array[], sign: number): Float64Array {
  const result = new Float64Array(logps[0]?.length ?? 0).fill(-sign);
  const pick = sign < 0 ? Math.min : Math.max;
  logps.forEach((logp, k) => {
    for (let row = 0; row < result.length; row++) {
      if (weights[k]![row]! > 0) result[row] = pick(result[row]!, logp[row]!);
    }
  });
  return result;
}
