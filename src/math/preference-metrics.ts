/**
 * Means and shares over the pairs of a batch: the parts that reward and accuracy metrics are made of. Counting adds
 * comparisons as numbers: nobody can predict which response wins, and a processor that tries to loses time.
 */

/** Sum of a column. */
export function total(column: Float64Array): number {
  let sum = 0;
  for (let row = 0; row < column.length; row++) sum += column[row]!;
  return sum;
}

/** Arithmetic mean; NaN for an empty column. */
export const mean = (column: Float64Array): number => total(column) / column.length;

/**
 * Number of rows with left > right. Strict: a tie counts as wrong, so a policy equal to its reference scores 0.
 * @param noise Differences up to it are ties. Default: none.
 */
export function countAbove(left: Float64Array, right: Float64Array, noise?: Float64Array): number {
  let count = 0;
  if (noise === undefined) for (let row = 0; row < left.length; row++) count += Number(left[row]! > right[row]!);
  else for (let row = 0; row < left.length; row++) count += Number(left[row]! - right[row]! > noise[row]!);
  return count;
}

/** Share of rows with left > right, strictly. */
export const shareAbove = (left: Float64Array, right: Float64Array): number => countAbove(left, right) / left.length;

/** Preference accuracy without a reference: share of pairs with lp(w) / |w| > lp(l) / |l|. */
export function referenceFreeAccuracy(
  chosen: Float64Array,
  rejected: Float64Array,
  chosenLengths: Float64Array,
  rejectedLengths: Float64Array,
): number {
  let count = 0;
  for (let row = 0; row < chosen.length; row++) {
    count += Number(chosen[row]! / chosenLengths[row]! > rejected[row]! / rejectedLengths[row]!);
  }
  return count / chosen.length;
}

/** Preference accuracy of the reward log pi - log pi_ref (DPO): share of pairs with a higher reward for the chosen one. */
export function rewardAccuracy(
  policyChosen: Float64Array,
  policyRejected: Float64Array,
  referenceChosen: Float64Array,
  referenceRejected: Float64Array,
): number {
  let count = 0;
  for (let row = 0; row < policyChosen.length; row++) {
    count += Number(policyChosen[row]! - referenceChosen[row]! > policyRejected[row]! - referenceRejected[row]!);
  }
  return count / policyChosen.length;
}
