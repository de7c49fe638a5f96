/** Seeds of everything random in a run, each its own stream: derived by hashing, so that no two uses share numbers. */
import { sha256 } from '../core/hash.js';

const SEED_HEX_DIGITS = 12; // 48 bits: exact in a double and in every generator this project talks to

/** A seed for one purpose, from the run's seed and whatever tells this use from the others. */
export function seedFor(runSeed: number, purpose: string, ...parts: readonly number[]): number {
  return Number.parseInt(sha256([runSeed, purpose, ...parts].join('/')).slice(0, SEED_HEX_DIGITS), 16);
}
