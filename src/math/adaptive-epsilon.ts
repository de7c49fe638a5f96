/**
 * Eq. 9 of MRPO (arXiv 2405.16388): how far further references may stray from the first, per response.
 *
 *   epsilon(y) = epsilonMax * |sum_k l_k(y)| / (|sum_k l_k(w)| + |sum_k l_k(l)|)
 *
 * l_k(y) are the references' log-probs before clipping. The less likely response gets the wider band, and the two
 * half-widths of a pair always add up to epsilonMax.
 */
import type { Sides } from '../core/sides.js';

/**
 * Eq. 9 for one pair, given the two sums over references (nats, each <= 0). Both sums 0, where Eq. 9 is 0/0, means
 * two responses of equal likelihood: each gets half.
 */
export function adaptiveEpsilon(sumOwn: number, sumOther: number, epsilonMax: number): number {
  const total = Math.abs(sumOwn) + Math.abs(sumOther);
  return total === 0 ? epsilonMax / 2 : epsilonMax * (Math.abs(sumOwn) / total);
}

/**
 * Eq. 9 for columns.
 * @param chosen K columns of length B: log-probs of the chosen response under each reference.
 * @param rejected The same of the rejected response.
 */
export function adaptiveEpsilonColumns(
  chosen: readonly Float64Array[],
  rejected: readonly Float64Array[],
  epsilonMax: number,
): Sides<Float64Array> {
  const size = chosen[0]?.length ?? 0;
  const epsilonChosen = new Float64Array(size);
  const epsilonRejected = new Float64Array(size);
  for (let row = 0; row < size; row++) {
    let sumChosen = 0;
    let sumRejected = 0;
    for (let k = 0; k < chosen.length; k++) {
      sumChosen += chosen[k]![row]!;
      sumRejected += rejected[k]![row]!;
    }
    epsilonChosen[row] = adaptiveEpsilon(sumChosen, sumRejected, epsilonMax);
    epsilonRejected[row] = adaptiveEpsilon(sumRejected, sumChosen, epsilonMax);
  }
  return { chosen: epsilonChosen, rejected: epsilonRejected };
}
