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
  const pooled = new Float64Array(logps[0]?.length ?? 0);
  for (let row = 0; row < pooled.length; row++) pooled[row] = poolRow(logps, weights, row, power);
  return pooled;
}

/** The same for one row of the columns. */
export function poolRow(logps: readonly Float64Array[], weights: readonly Float64Array[], row: number, power: number): number {
  if (power === 0) return geometricMean(logps, weights, row);
  if (power === -Infinity || power === Infinity) return extreme(logps, weights, row, power);
  return powerMean(logps, weights, row, power);
}

function geometricMean(logps: readonly Float64Array[], weights: readonly Float64Array[], row: number): number {
  let mean = 0;
  for (let k = 0; k < logps.length; k++) mean += weights[k]![row]! * logps[k]![row]!;
  return mean;
}

function extreme(logps: readonly Float64Array[], weights: readonly Float64Array[], row: number, sign: number): number {
  let result = -sign;
  for (let k = 0; k < logps.length; k++) {
    if (weights[k]![row] === 0) continue;
    result = sign < 0 ? Math.min(result, logps[k]![row]!) : Math.max(result, logps[k]![row]!);
  }
  return result;
}

function powerMean(logps: readonly Float64Array[], weights: readonly Float64Array[], row: number, power: number): number {
  const limit = power < 0 ? LARGEST_EXPONENT_NEGATIVE_P : LARGEST_EXPONENT_POSITIVE_P;
  const centre = geometricMean(logps, weights, row);
  let sum = 0;
  for (let k = 0; k < logps.length; k++) {
    const weight = weights[k]![row]!;
    if (weight === 0) continue;
    const exponent = power * (logps[k]![row]! - centre);
    if (exponent > limit) return logSumExpMean(logps, weights, row, power);
    sum += weight * Math.expm1(exponent);
  }
  return centre + Math.log1p(Math.max(sum, 0)) / power;
}

/** (1/p) log sum_k e^(log alpha_k + p l_k), in one pass with a running maximum. */
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
