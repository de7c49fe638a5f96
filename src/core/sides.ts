/** The two responses of a preference pair, wherever something comes once for each of them. */

/** Something of the chosen and of the rejected response: of one pair a number, of a batch a column. */
export interface Sides<T> {
  readonly chosen: T;
  readonly rejected: T;
}

/** One of the two responses of a pair. */
export type Side = keyof Sides<unknown>;

/** Both sides, chosen first: the order of every loop over a pair. */
export const SIDES: readonly Side[] = ['chosen', 'rejected'];

/** The same done to both sides. */
export function eachSide<T>(valueOf: (side: Side) => T): Sides<T> {
  return { chosen: valueOf('chosen'), rejected: valueOf('rejected') };
}
