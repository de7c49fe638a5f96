/**
 * Seeded random numbers, the same on every machine: SplitMix64-seeded xoshiro128** (Blackman & Vigna, 2018) on
 * 32-bit integers, doubles from 53 bits. The state can be saved and restored.
 */
export interface Random {
  /** A double in [0, 1). */
  next(): number;
  /** An integer in [0, bound). */
  integer(bound: number): number;
  /** A new array in a uniformly random order (Fisher-Yates). */
  shuffle<T>(items: readonly T[]): T[];
  /** The four state words; give them to {@link restoreRandom} to go on from here. */
  state(): readonly [number, number, number, number];
}

/** A generator started from a seed (any safe integer). */
export function seededRandom(seed: number): Random {
  let z = BigInt.asUintN(64, BigInt(Math.trunc(seed)));
  const splitMix = (): bigint => {
    z = BigInt.asUintN(64, z + 0x9e3779b97f4a7c15n);
    let x = z;
    x = BigInt.asUintN(64, (x ^ (x >> 30n)) * 0xbf58476d1ce4e5b9n);
    x = BigInt.asUintN(64, (x ^ (x >> 27n)) * 0x94d049bb133111ebn);
    return x ^ (x >> 31n);
  };
  const [first, second] = [splitMix(), splitMix()];
  return restoreRandom([low(first), high(first), low(second), high(second)]);
}

/** A generator that goes on from a saved state. */
export function restoreRandom(saved: readonly [number, number, number, number]): Random {
  let [a, b, c, d] = saved.map((word) => word >>> 0) as [number, number, number, number];
  const next32 = (): number => {
    const result = Math.imul(rotateLeft(Math.imul(b, 5), 7), 9) >>> 0;
    const t = b << 9;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= t;
    d = rotateLeft(d, 11);
    return result;
  };
  const next = (): number => ((next32() >>> 5) * 0x4000000 + (next32() >>> 6)) / 2 ** 53;
  return {
    next,
    integer: (bound) => Math.floor(next() * bound),
    shuffle<T>(items: readonly T[]): T[] {
      const result = [...items];
      for (let last = result.length - 1; last > 0; last--) {
        const other = Math.floor(next() * (last + 1));
        [result[last], result[other]] = [result[other] as T, result[last] as T];
      }
      return result;
    },
    state: () => [a >>> 0, b >>> 0, c >>> 0, d >>> 0],
  };
}

const rotateLeft = (x: number, bits: number): number => (x << bits) | (x >>> (32 - bits));
const low = (x: bigint): number => Number(x & 0xffffffffn);
const high = (x: bigint): number => Number(x >> 32n);
