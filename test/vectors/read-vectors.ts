/** The golden numbers of vectors.json: what an independent program with 50 digits says. */
import { readFileSync } from 'node:fs';

export interface VectorCase {
  readonly id: string;
  readonly op: string;
  readonly input: Readonly<Record<string, unknown>>;
  readonly expected: unknown;
  /** Size of the numbers that a result is a difference of, in the shape of `expected`. */
  readonly cancellation?: unknown;
}

export function readVectors(): readonly VectorCase[] {
  return JSON.parse(readFileSync(new URL('./vectors.json', import.meta.url), 'utf8')) as readonly VectorCase[];
}

/** One number of a result beside its golden value. */
export interface Deviation {
  readonly path: string;
  readonly actual: number;
  readonly expected: number;
  readonly allowed: number;
}

const RELATIVE = 1e-12;
/** Rounding errors of numbers of the size `cancellation`, which no arithmetic in doubles avoids. */
const ROUNDINGS = 16 * Number.EPSILON;
/** Next to 0 doubles have no 12 digits. */
const SUBNORMAL = 1024 * Number.MIN_VALUE;

/** Every number of `actual` that is further from `expected` than 1e-12 relative plus what cancellation takes. */
export function deviations(actual: unknown, expected: unknown, cancellation: unknown, path = ''): Deviation[] {
  if (typeof expected === 'number') {
    const size = typeof cancellation === 'number' ? cancellation : 0;
    const allowed = RELATIVE * Math.abs(expected) + ROUNDINGS * size + SUBNORMAL;
    const off = typeof actual !== 'number' || !(Math.abs(actual - expected) <= allowed);
    return off ? [{ path, actual: Number(actual), expected, allowed }] : [];
  }
  if (expected === null)
    return actual === null || Number.isNaN(actual) ? [] : [{ path, actual: Number(actual), expected: NaN, allowed: 0 }];
  const [wanted, got] = [expected, actual] as [Record<string, unknown>, Record<string, unknown>];
  const sameKeys = JSON.stringify(Object.keys(wanted)) === JSON.stringify(Object.keys(got ?? {}));
  if (!sameKeys)
    throw new Error(`${path}: expected the keys ${Object.keys(wanted).join()}, got ${Object.keys(got ?? {}).join()}`);
  return Object.keys(wanted).flatMap((key) =>
    deviations(got[key], wanted[key], (cancellation as Record<string, unknown> | undefined)?.[key], `${path}.${key}`),
  );
}
