/** The policy before its first update must be the reference that is called the policy, number for number. */
import { largest } from '../core/extremes.js';
import { SIDES } from '../core/sides.js';
import type { Evaluation } from '../training/evaluate.js';
import type { Examples } from '../training/examples.js';

/** Nats; beyond it margins at step 0 are visibly not 0. */
const TOLERANCE = 1e-3;

/**
 * What to tell the user if RefM1 is the policy itself and the two do not agree: scores from another machine, or kernels
 * that do not repeat their own results.
 */
export function stepZeroNote(heldOut: Examples, firstIsPolicy: boolean, start: Evaluation): string | undefined {
  const first = heldOut.references[0];
  if (!firstIsPolicy || first === undefined) return undefined;
  const distance = (ours: Float64Array, theirs: Float64Array): number =>
    largest(ours.map((logp, i) => Math.abs(logp - (theirs[i] ?? NaN))));
  const distances = SIDES.map((side) => distance(start.logps[side], first[side].logps));
  const largestDistance = largest(distances);
  if (largestDistance <= TOLERANCE) return undefined;
  return `the policy before training differs from its own scores as a reference by up to ${largestDistance.toPrecision(2)} nats: margins do not start at 0`;
}
