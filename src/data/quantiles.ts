/** Where a set of numbers lies, by rank: no interpolation, so every value shown was really there. */

export interface Quantiles {
  readonly min: number;
  readonly p10: number;
  readonly median: number;
  readonly p90: number;
  readonly p99: number;
  readonly max: number;
}

/** Quantiles by nearest rank; all zero for no numbers. */
export function quantilesOf(numbers: Iterable<number>): Quantiles {
  const sorted = Float64Array.from(numbers).sort();
  const at = (share: number): number => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0;
  return { min: at(0), p10: at(0.1), median: at(0.5), p90: at(0.9), p99: at(0.99), max: at(1) };
}
