/** Round numbers for an axis. */
import { largest, smallest } from '../core/extremes.js';

/** About `count` multiples of 1, 2 or 5 times a power of ten that lie in `[low, high]`. */
export function niceTicks(low: number, high: number, count: number): readonly number[] {
  if (!(high > low)) return [low];
  const rough = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5, 10].find((factor) => factor * power >= rough) ?? 10);
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-9);
  // Multiplying whole numbers keeps 0.3 from becoming 0.30000000000000004 more than once.
  return Array.from({ length: last - first + 1 }, (_, i) => Number(((first + i) * step).toPrecision(12)));
}

/** A range that holds all values with a little room, never of zero height. */
export function paddedRange(
  values: readonly number[],
  fixed: { readonly low?: number | undefined; readonly high?: number | undefined } = {},
): readonly [number, number] {
  const low = smallest(values);
  const high = largest(values);
  const size = Math.max(Math.abs(low), Math.abs(high));
  // Equal values, or equal but for rounding, still get a range with a height.
  const share = 0.06 * (high - low > 1e-9 * size ? high - low : size);
  const room = share > 1e-200 ? share : 0.06;
  return [fixed.low ?? low - room, fixed.high ?? high + room];
}
