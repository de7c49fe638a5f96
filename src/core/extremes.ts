/**
 * Largest and smallest of a list of any length. `Math.max(...list)` hands every item over as an argument of its own, and
 * beyond about 100,000 of them the call stack ends.
 */

/** The largest value, at least `floor`; `floor` where there is none. NaN if any value is NaN, as Math.max. */
export function largest(values: Iterable<number>, floor = -Infinity): number {
  let found = floor;
  for (const value of values) found = Math.max(found, value);
  return found;
}

/** The smallest value, at most `ceiling`; `ceiling` where there is none. NaN if any value is NaN, as Math.min. */
export function smallest(values: Iterable<number>, ceiling = Infinity): number {
  let found = ceiling;
  for (const value of values) found = Math.min(found, value);
  return found;
}
