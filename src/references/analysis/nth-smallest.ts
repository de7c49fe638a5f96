/** Single order statistics without sorting everything: a sweep asks for three of each of its hundred columns. */

/**
 * The value that would be at `position` if `values[from..]` were sorted. Reorders that part of `values` so that nothing
 * before `position` is greater and nothing after it smaller; ask for positions in ascending order, `from` the last one,
 * and each call has less left to do.
 * Hoare's selection: expected time linear in the length.
 */
export function nthSmallest(values: Float64Array, position: number, from = 0): number {
  let [low, high] = [from, values.length - 1];
  while (low < high) {
    const pivot = middleOfThree(values[low]!, values[(low + high) >> 1]!, values[high]!);
    let [left, right] = [low, high];
    while (left <= right) {
      while (values[left]! < pivot) left++;
      while (values[right]! > pivot) right--;
      if (left > right) break;
      const moved = values[left]!;
      values[left++] = values[right]!;
      values[right--] = moved;
    }
    // Between right and left there is at most one value, and it equals the pivot.
    if (position <= right) high = right;
    else if (position >= left) low = left;
    else break;
  }
  return values[position] ?? NaN;
}

const middleOfThree = (a: number, b: number, c: number): number =>
  Math.max(Math.min(a, b), Math.min(Math.max(a, b), c));
