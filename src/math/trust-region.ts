/**
 * Eq. 8 of MRPO (arXiv 2405.16388), CTRO: a further reference's log-prob is clipped into a band around the first's.
 *
 *   clip(l_k) = min(max(l_k, (1 + epsilon) l_1), (1 - epsilon) l_1)
 *
 * Log-probs are <= 0, so (1 + epsilon) l_1 is the lower edge. Needs l_1 <= 0: a positive one would turn the band over.
 */

/** Eq. 8 for one response: log-prob `logp` of a further reference, clipped around `logpFirst` of the first. */
export function clipToTrustRegion(logp: number, logpFirst: number, epsilon: number): number {
  return Math.min(Math.max(logp, (1 + epsilon) * logpFirst), (1 - epsilon) * logpFirst);
}

/** Eq. 8 for K columns of length B, the first unchanged. @param epsilon Length B, see Eq. 9. */
export function clipColumns(logps: readonly Float64Array[], epsilon: Float64Array): Float64Array[] {
  const first = logps[0];
  return logps.map((column, k) => {
    if (k === 0 || first === undefined) return column;
    const clipped = new Float64Array(column.length);
    for (let row = 0; row < clipped.length; row++) {
      clipped[row] = clipToTrustRegion(column[row]!, first[row]!, epsilon[row]!);
    }
    return clipped;
  });
}

/** Per reference and row: 1 where clipping moved the log-prob, else 0. */
export function clippedFlags(before: readonly Float64Array[], after: readonly Float64Array[]): Float64Array[] {
  return before.map((column, k) => {
    const flags = new Float64Array(column.length);
    const moved = after[k]!;
    if (moved === column) return flags;
    for (let row = 0; row < flags.length; row++) flags[row] = column[row] === moved[row] ? 0 : 1;
    return flags;
  });
}
