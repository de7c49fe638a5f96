/**
 * Eq. 10 of MRPO (arXiv 2405.16388), ARWC: a reference counts the more, the more decisively it tells the two
 * responses of the pair apart, whichever it prefers.
 *
 *   alpha_k = |l_k(w) - l_k(l)| / sum_i |l_i(w) - l_i(l)|
 *
 * l are log-probs before clipping: sums as printed, or per token as in arXiv 2512.10040, or per byte.
 */

/** K columns of length B: |l_k(w) - l_k(l)|, the confidence of each reference in each pair. */
export function confidenceColumns(chosen: readonly Float64Array[], rejected: readonly Float64Array[]): Float64Array[] {
  return chosen.map((column, k) => {
    const confidence = new Float64Array(column.length);
    const other = rejected[k]!;
    for (let row = 0; row < confidence.length; row++) confidence[row] = Math.abs(column[row]! - other[row]!);
    return confidence;
  });
}

/**
 * Scales every row of K non-negative columns to the sum 1, in place, and returns them. A row of zeros, where
 * Eq. 10 is 0/0 (no reference tells the responses apart), becomes 1/K each.
 */
export function normalizeRows(columns: Float64Array[]): Float64Array[] {
  const totals = new Float64Array(columns[0]?.length ?? 0);
  for (const column of columns) {
    for (let row = 0; row < totals.length; row++) totals[row] = totals[row]! + column[row]!;
  }
  for (const column of columns) {
    for (let row = 0; row < totals.length; row++) {
      column[row] = totals[row] === 0 ? 1 / columns.length : column[row]! / totals[row]!;
    }
  }
  return columns;
}

/** Eq. 10: K columns of weights of length B; every row adds up to 1. */
export function arwcWeights(chosen: readonly Float64Array[], rejected: readonly Float64Array[]): Float64Array[] {
  return normalizeRows(confidenceColumns(chosen, rejected));
}
