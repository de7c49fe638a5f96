/** p-values of several comparisons at once, adjusted so that each may be compared with the usual 0.05. */

/**
 * Holm's step-down procedure (Scandinavian Journal of Statistics 6, 1979): controls the chance of even one false
 * finding. Adjusted p of the i-th smallest of n: max over j <= i of min(1, (n - j + 1) p_j). Order is kept.
 */
export function holm(pValues: readonly number[]): number[] {
  let largest = 0;
  return adjustInOrder(pValues, ascending(pValues), (p, place) => {
    largest = Math.max(largest, Math.min(1, (pValues.length - place) * p));
    return largest;
  });
}

/**
 * Benjamini & Hochberg's step-up procedure (JRSS B 57, 1995): controls the expected share of false findings.
 * Adjusted p of the i-th smallest of n: min over j >= i of min(1, n p_j / j). Order is kept.
 */
export function benjaminiHochberg(pValues: readonly number[]): number[] {
  let smallest = 1;
  return adjustInOrder(pValues, ascending(pValues).reverse(), (p, place) => {
    smallest = Math.min(smallest, (pValues.length / (pValues.length - place)) * p);
    return smallest;
  });
}

/** Indices of the values, smallest first. */
function ascending(values: readonly number[]): number[] {
  return values.map((_, index) => index).sort((a, b) => values[a]! - values[b]!);
}

function adjustInOrder(
  pValues: readonly number[],
  order: readonly number[],
  adjust: (p: number, place: number) => number,
): number[] {
  const adjusted = new Array<number>(pValues.length);
  order.forEach((index, place) => {
    adjusted[index] = adjust(pValues[index]!, place);
  });
  return adjusted;
}
