/**
 * The two scalar functions every preference loss is made of, in forms that neither overflow nor lose small values.
 * `exp` is only ever taken of a number <= 0.
 */

/** log(1 + e^x), the logistic loss of margin -x. Exact to rounding for every finite x; +Infinity never for finite x. */
export function softplus(x: number): number {
  return Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
}

/** 1 / (1 + e^-x). Small results keep their relative precision: sigmoid(-700) is e^-700, not 0. */
export function sigmoid(x: number): number {
  const small = Math.exp(-Math.abs(x));
  return x >= 0 ? 1 / (1 + small) : small / (1 + small);
}

/** A new column of `length` copies of `value`. */
export function constantColumn(length: number, value: number): Float64Array {
  return new Float64Array(length).fill(value);
}
