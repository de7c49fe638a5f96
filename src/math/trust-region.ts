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

/** K columns of length B after clipping. */
export interface ClippedColumns {
  /** Log-probs, the first reference's as they were. */
  readonly logps: readonly Float64Array[];
  /** 1 where clipping moved the log-prob, else 0. Columns without any share one array. */
  readonly isClipped: readonly Float64Array[];
}

/** Eq. 8 for K columns of length B. @param epsilon Length B, see Eq. 9. */
export function clipColumns(logps: readonly Float64Array[], epsilon: Float64Array): ClippedColumns {
  const unclipped = notClipped(logps);
  const first = logps[0];
  if (first === undefined) return unclipped;
  const further = logps.slice(1).map((column) => clipColumn(column, first, epsilon));
  return {
    logps: [first, ...further.map(({ clipped }) => clipped)],
    isClipped: [unclipped.isClipped[0]!, ...further.map(({ isClipped }) => isClipped)],
  };
}

/** The same without a trust region. */
export function notClipped(logps: readonly Float64Array[]): ClippedColumns {
  const none = new Float64Array(logps[0]?.length ?? 0);
  return { logps, isClipped: logps.map(() => none) };
}

function clipColumn(
  column: Float64Array,
  first: Float64Array,
  epsilon: Float64Array,
): { clipped: Float64Array; isClipped: Float64Array } {
  const clipped = new Float64Array(column.length);
  const isClipped = new Float64Array(column.length);
  for (let row = 0; row < clipped.length; row++) {
    const logp = column[row]!;
    const bounded = clipToTrustRegion(logp, first[row]!, epsilon[row]!);
    clipped[row] = bounded;
    isClipped[row] = Number(bounded !== logp);
  }
  return { clipped, isClipped };
}
