/** What the references of a batch do: who decides, who is clipped, who disagrees. */

/**
 * Dominance of each reference: number of responses for which it is the least likely one among those with a weight, and
 * so the one that harmonic pooling follows (its virtual log-prob lies between min_k l_k and min_k (l_k - log alpha_k)).
 * Of equals the first counts.
 * @param sides Per side (chosen, rejected) K columns of length B: log-probs after clipping.
 */
export function dominanceCounts(
  sides: readonly (readonly Float64Array[])[],
  weights: readonly Float64Array[],
): number[] {
  const counts = new Array<number>(weights.length).fill(0);
  const size = weights[0]?.length ?? 0;
  for (const columns of sides) {
    for (let row = 0; row < size; row++) {
      let least = -1;
      let logp = Infinity;
      for (let k = 0; k < columns.length; k++) {
        if (columns[k]![row]! < logp && weights[k]![row]! > 0) {
          least = k;
          logp = columns[k]![row]!;
        }
      }
      counts[least]!++;
    }
  }
  return counts;
}

/** Dominance as a share of all responses; shares add up to 1. */
export function dominanceShares(
  sides: readonly (readonly Float64Array[])[],
  weights: readonly Float64Array[],
): number[] {
  const responses = sides.length * (weights[0]?.length ?? 0);
  return dominanceCounts(sides, weights).map((count) => count / responses);
}

/** Share of pairs on which references prefer different responses: some l_k(w) > l_k(l), some l_k(w) < l_k(l). */
export function disagreementShare(chosen: readonly Float64Array[], rejected: readonly Float64Array[]): number {
  const size = chosen[0]?.length ?? 0;
  let count = 0;
  for (let row = 0; row < size; row++) {
    let right = 0;
    let wrong = 0;
    for (let k = 0; k < chosen.length; k++) {
      const gap = chosen[k]![row]! - rejected[k]![row]!;
      right += Number(gap > 0);
      wrong += Number(gap < 0);
    }
    count += Number(right > 0 && wrong > 0);
  }
  return count / size;
}
