/**
 * Training and held-out pairs. Each prompt has a place in [0, 1) that only the seed and its text decide, and no prompt
 * is on both sides. With a share, a pair so keeps its side when other rows come or go; a number of pairs is the first
 * of the prompts in the order of their places, and its end moves with the rows.
 */
import { MrpoError } from '../core/errors.js';
import type { PreferencePair } from './pair.js';
import { stablePlace } from './stable-order.js';

/** The two parts; every pair is in exactly one of them. */
export interface PairSplit {
  readonly train: readonly PreferencePair[];
  readonly eval: readonly PreferencePair[];
}

/**
 * Splits off held-out pairs.
 * @param evalSpec below 1: the share of prompts held out (each by its own place, so the share is met on average);
 * from 1: a number of pairs, whole prompts at a time, never more.
 * @example
 * const { pairs } = await readPreferenceData('pairs.jsonl');
 * const { train, eval: heldOut } = splitPairs(pairs, 0.1, 0);
 * console.log(train.length, heldOut.length);
 * @throws MrpoError `data` if nothing is left to train on.
 */
export function splitPairs(pairs: readonly PreferencePair[], evalSpec: number, seed: number): PairSplit {
  const isHeldOut = evalSpec < 1 ? heldOutShare(evalSpec, seed) : heldOutCount(pairs, evalSpec, seed);
  const train = pairs.filter((pair) => !isHeldOut(pair));
  if (train.length === 0 && pairs.length > 0) {
    throw new MrpoError(
      'data',
      `data.eval ${evalSpec} holds out all ${pairs.length} pairs; nothing is left to train on`,
    );
  }
  return { train, eval: pairs.filter(isHeldOut) };
}

/** The first `limit` pairs in the order of their seeded places, in the order of the file. */
export function limitPairs(pairs: readonly PreferencePair[], limit: number, seed: number): readonly PreferencePair[] {
  return pairs.length <= limit ? pairs : firstPlaced(pairs, limit, seed, 'limit');
}

/** The pairs with the lowest places, in the order of the file. */
function firstPlaced(
  pairs: readonly PreferencePair[],
  count: number,
  seed: number,
  purpose: string,
): readonly PreferencePair[] {
  const placed = pairs.map((pair, index) => ({ index, place: stablePlace(seed, purpose, pair.id) }));
  const kept = placed.sort((a, b) => a.place - b.place || a.index - b.index).slice(0, count);
  return kept
    .map(({ index }) => index)
    .sort((a, b) => a - b)
    .map((index) => pairs[index] as PreferencePair);
}

/**
 * `round(weight x pairs)` pairs: every pair `floor(weight)` times, and the first of them in the order of their seeded
 * places once more. So a smaller weight takes a part of what a larger one takes.
 */
export function weightPairs(pairs: readonly PreferencePair[], weight: number, seed: number): readonly PreferencePair[] {
  const times = Math.floor(weight);
  const further = Math.round(weight * pairs.length) - times * pairs.length;
  const whole = Array.from({ length: times }, () => pairs).flat();
  return further === 0 ? whole : [...whole, ...firstPlaced(pairs, further, seed, 'weight')];
}

type SideTest = (pair: PreferencePair) => boolean;

const heldOutShare =
  (share: number, seed: number): SideTest =>
  (pair) =>
    stablePlace(seed, 'split', pair.promptId) < share;

function heldOutCount(pairs: readonly PreferencePair[], count: number, seed: number): SideTest {
  const pairsOf = new Map<string, number>();
  for (const { promptId } of pairs) pairsOf.set(promptId, (pairsOf.get(promptId) ?? 0) + 1);
  const prompts = [...pairsOf].map(([promptId, size]) => ({
    promptId,
    size,
    place: stablePlace(seed, 'split', promptId),
  }));
  const heldOut = new Set<string>();
  let total = 0;
  for (const { promptId, size } of prompts.sort((a, b) => a.place - b.place)) {
    if (total + size > count) continue;
    heldOut.add(promptId);
    total += size;
  }
  return (pair) => heldOut.has(pair.promptId);
}
