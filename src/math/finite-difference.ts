/** Numerical derivatives: to differentiate a loss given by value only, and to check gradients given by formula. */

/**
 * Step in the unit of the log-probs. Losses change on the scale 1/beta (0.1 to 10), and rounding of a log-prob of
 * -1000 is 1e-13: between the two, 1e-3 loses about equally little to either.
 */
export const STEP = 1e-3;

/**
 * df/dx by central differences with one Richardson step (error of order STEP^4):
 *   D(h) = (f(x + h) - f(x - h)) / 2h,   f'(x) = (4 D(h/2) - D(h)) / 3
 */
export function centralDifference(f: (x: number) => number, x: number): number {
  return richardson(f(x + STEP), f(x - STEP), f(x + STEP / 2), f(x - STEP / 2));
}

/** The same from the four values f(x + h), f(x - h), f(x + h/2), f(x - h/2) with h = {@link STEP}. */
export function richardson(plus: number, minus: number, halfPlus: number, halfMinus: number): number {
  const wide = (plus - minus) / (2 * STEP);
  const narrow = (halfPlus - halfMinus) / STEP;
  return (4 * narrow - wide) / 3;
}

/** Default of {@link differs}: largest relative difference from the numerical derivative, as a share of the larger. */
export const GRADIENT_TOLERANCE = 1e-5;

/** Whether a gradient disagrees with a numerical one by more than the numerical one can be wrong. */
export function differs(gradient: number, numeric: number, loss: number, tolerance = GRADIENT_TOLERANCE): boolean {
  const roundingNoise = 1e-9 * (1 + Math.abs(loss));
  return !(Math.abs(gradient - numeric) <= tolerance * Math.max(Math.abs(gradient), Math.abs(numeric)) + roundingNoise);
}
