/** A place in [0, 1) for anything with an id: depends on seed and id alone, so it never moves when others come or go. */
import { createHash } from 'node:crypto';

/** The place of `id`. @param purpose Keeps places for one use apart from those for another. */
export function stablePlace(seed: number, purpose: string, id: string): number {
  const digest = createHash('sha256').update(`${seed}\n${purpose}\n${id}`).digest();
  return Number(digest.readBigUInt64BE(0) >> 11n) / 2 ** 53;
}
