/** Shares of pairs with their uncertainty, and the few moments that the reports need. */
import { wilsonInterval, type Interval } from '../../math/statistics.js';
import { nthSmallest } from './nth-smallest.js';

/** A share of pairs, in [0, 1], and its 95 % Wilson interval. */
export interface Share {
  readonly share: number;
  readonly interval: Interval;
}

/** Share of rows for which `holds`; NaN of no rows. */
export function shareOf(size: number, holds: (row: number) => boolean): Share {
  let count = 0;
  for (let row = 0; row < size; row++) if (holds(row)) count++;
  return shareFrom(count, size);
}

/** Share of rows that were counted already; NaN of no rows. */
export function shareFrom(count: number, size: number): Share {
  return size === 0
    ? { share: NaN, interval: [NaN, NaN] }
    : { share: count / size, interval: wilsonInterval(count, size) };
}

/** Mean and spread of a column. `sd` is that of the pairs themselves (n in the denominator). */
export interface Spread {
  readonly mean: number;
  readonly sd: number;
  readonly low: number;
  readonly median: number;
  readonly high: number;
}

/** `low` and `high` are the 5 % and the 95 % quantile. */
export function spreadOf(column: Float64Array): Spread {
  const values = column.slice();
  const position = (p: number): number => Math.round(p * (values.length - 1));
  const low = nthSmallest(values, position(0.05));
  const middle = nthSmallest(values, position(0.5), position(0.05));
  const high = nthSmallest(values, position(0.95), position(0.5));
  return { ...momentsOf(column), low, median: middle, high };
}

/** Mean and standard deviation of a column, n in the denominator; NaN of an empty one. */
export function momentsOf(column: Float64Array): { readonly mean: number; readonly sd: number } {
  let sum = 0;
  for (const value of column) sum += value;
  const mean = sum / column.length;
  let squares = 0;
  for (const value of column) squares += (value - mean) ** 2;
  return { mean, sd: Math.sqrt(squares / column.length) };
}

/** Pearson's correlation; NaN where a column does not vary. */
export function correlation(left: Float64Array, right: Float64Array): number {
  const [a, b] = [momentsOf(left), momentsOf(right)];
  let sum = 0;
  for (let row = 0; row < left.length; row++) sum += (left[row]! - a.mean) * (right[row]! - b.mean);
  return sum / left.length / (a.sd * b.sd);
}

/** Median; the mean of the two middle values where their number is even. NaN of no values. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  return sorted.length % 2 === 1
    ? (sorted[Math.floor(middle)] ?? NaN)
    : ((sorted[middle - 1] ?? NaN) + (sorted[middle] ?? NaN)) / 2;
}
