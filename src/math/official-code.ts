/**
 * The authors' released code (github.com/thaihungle/MRPO, trainer_mref.py) where it departs from their paper, so that
 * the difference can be measured. Two references; the paper's k = 1 is the initial policy.
 *
 *   epsilon  the mean over references in place of the sum of Eq. 9: the same number, rounded another way; the
 *            rejected half-width is written epsilonMax (1 - share)
 *   alpha    alpha_2 = |D_2| / (|D_1| + |D_2| + 1e-6), alpha_1 = 1 - alpha_2, with D_k = l_k(w) - l_k(l)
 *   pooling  weights crossed: l~ = l_1 + l_2 - log(alpha_2 pi_2 + alpha_1 pi_1) = -log(alpha_2 / pi_1 + alpha_1 / pi_2)
 *
 * Their log of a sum of exponentials underflows to an infinite loss in extreme rows; here it stays finite.
 */
import type { Sides } from '../core/sides.js';
import { poolColumns } from './pooling.js';

const OFFICIAL_ALPHA_OFFSET = 1e-6;

/** Half-widths as the released code computes them, for two references. Both means 0 (0/0 there): half each. */
export function officialCodeEpsilon(
  chosen: readonly Float64Array[],
  rejected: readonly Float64Array[],
  epsilonMax: number,
): Sides<Float64Array> {
  const share = chosen[0]!.map((first, row) => {
    const meanChosen = Math.abs((first + chosen[1]![row]!) / 2);
    const meanRejected = Math.abs((rejected[0]![row]! + rejected[1]![row]!) / 2);
    return meanChosen + meanRejected === 0 ? 0.5 : meanChosen / (meanChosen + meanRejected);
  });
  return { chosen: share.map((part) => epsilonMax * part), rejected: share.map((part) => epsilonMax * (1 - part)) };
}

/** Weights (alpha_1, alpha_2) as the released code computes them; a pair without any difference gives (1, 0). */
export function officialCodeWeights(
  chosen: readonly Float64Array[],
  rejected: readonly Float64Array[],
): Float64Array[] {
  const second = chosen[0]!.map((first, row) => {
    const gapFirst = Math.abs(first - rejected[0]![row]!);
    const gapSecond = Math.abs(chosen[1]![row]! - rejected[1]![row]!);
    return gapSecond / (gapFirst + gapSecond + OFFICIAL_ALPHA_OFFSET);
  });
  return [second.map((alpha) => 1 - alpha), second];
}

/** Virtual reference of the released code: harmonic pooling with alpha_2 on 1 / pi_1 and alpha_1 on 1 / pi_2. */
export function officialCodePool(logps: readonly Float64Array[], weights: readonly Float64Array[]): Float64Array {
  return poolColumns(logps, [weights[1]!, weights[0]!], -1);
}
