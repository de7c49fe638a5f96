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
 * The sum is scaled by its largest term, so that nothing overflows. That is exact unless result and largest term
 * differ in size, or p l is close to 0; there log1p and expm1 take over, for p < 0 around the geometric mean
 * g = sum_k alpha_k l_k, where by Jensen's inequality the inner sum is >= 0 and nothing cancels:
 *
 *   l~ = g + (1/p) log1p(sum_k alpha_k expm1(p (l_k - g)))
 *
 * So the means are exact for p -> 0 and for log-probs near 0, and need no logarithm of a weight. A weight of 0 drops
 * its reference, whatever its log-prob.
 */

/** Exponents nearer to 0 (further from it) than this give the limit to the last bit; p l would lose its digits (overflow). */
const NEXT_TO_ZERO = 1e-30;
const NEXT_TO_INFINITY = 1e290;

/**
 * Virtual log-prob of B responses.
 * @param logps K columns of length B, nats, each <= 0.
 * @param weights K columns of length B; each row >= 0 and adding up to 1.
 * @param power Exponent p, any number including 0 and +-Infinity.
 */
export function poolColumns(
  logps: readonly Float64Array[],
  weights: readonly Float64Array[],
  power: number,
): Float64Array {
  if (Math.abs(power) < NEXT_TO_ZERO) return geometricMeans(logps, weights);
  if (Math.abs(power) > NEXT_TO_INFINITY) return extremes(logps, weights, power);
  return powerMeans(logps, weights, power);
}

/** sum_k alpha_k l_k of every row. */
function geometricMeans(logps: readonly Float64Array[], weights: readonly Float64Array[]): Float64Array {
  const means = new Float64Array(logps[0]?.length ?? 0);
  for (let row = 0; row < means.length; row++) means[row] = geometricMean(logps, weights, row);
  return means;
}

/** sum_k alpha_k l_k. All terms have one sign, so nothing cancels. */
function geometricMean(logps: readonly Float64Array[], weights: readonly Float64Array[], row: number): number {
  let mean = 0;
  for (let k = 0; k < logps.length; k++) mean += weights[k]![row]! * logps[k]![row]!;
  return mean;
}

function powerMeans(logps: readonly Float64Array[], weights: readonly Float64Array[], power: number): Float64Array {
  const means = new Float64Array(logps[0]?.length ?? 0);
  for (let row = 0; row < means.length; row++) means[row] = powerMean(logps, weights, row, power);
  return means;
}

/** One row, in one pass: the largest p l_k so far, and the sum of all terms divided by e to it. */
function powerMean(
  logps: readonly Float64Array[],
  weights: readonly Float64Array[],
  row: number,
  power: number,
): number {
  let largest = -Infinity;
  let sum = 0;
  for (let k = 0; k < logps.length; k++) {
    const weight = weights[k]![row]!;
    if (weight === 0) continue;
    const term = power * logps[k]![row]!;
    if (term <= largest) {
      sum += weight * Math.exp(term - largest);
    } else {
      sum = sum * Math.exp(largest - term) + weight;
      largest = term;
    }
  }
  const logSum = Math.log(sum);
  return isExact(largest, logSum, power)
    ? (largest + logSum) / power
    : centredMean(logps, weights, row, power, largest);
}

/** Whether largest + logSum has all the digits of its parts. For p > 0 both are <= 0 and cannot cancel. */
function isExact(largest: number, logSum: number, power: number): boolean {
  if (power > 0) return largest <= -1 || logSum <= -1;
  return largest >= 1 && -logSum <= largest / 2;
}

/** c + (1/p) log1p(sum_k alpha_k expm1(p (l_k - c))): for results near 0 or near the centre c. */
function centredMean(
  logps: readonly Float64Array[],
  weights: readonly Float64Array[],
  row: number,
  power: number,
  largest: number,
): number {
  const centre = power > 0 ? largest / power : geometricMean(logps, weights, row);
  let sum = 0;
  for (let k = 0; k < logps.length; k++) {
    const weight = weights[k]![row]!;
    if (weight > 0) sum += weight * Math.expm1(power * (logps[k]![row]! - centre));
  }
  return centre + Math.log1p(power > 0 ? sum : Math.max(sum, 0)) / power;
}

/** min_k l_k (sign negative) or max_k l_k over the references with a weight. */
function extremes(logps: readonly Float64Array[], weights: readonly Float64Array[], sign: number): Float64Array {
  const result = new Float64Array(logps[0]?.length ?? 0).fill(sign < 0 ? Infinity : -Infinity);
  const pick = sign < 0 ? Math.min : Math.max;
  logps.forEach((logp, k) => {
    for (let row = 0; row < result.length; row++) {
      if (weights[k]![row]! > 0) result[row] = pick(result[row]!, logp[row]!);
    }
  });
  return result;
}
