/** Counts prompts, pairs that are there twice and pairs that contradict each other, from their ids alone. */
import { oppositeId } from './make-pair.js';
import { createMarkSet } from './mark-set.js';
import type { PreferencePair } from './pair.js';

/** Counts pairs while they are read; keeps a short hash of each and no text. */
export interface PairCounter {
  add(pair: PreferencePair): void;
  /** Pairs whose text was added before. */
  duplicates(): number;
  /** Texts that were added both ways round: what one pair prefers, another rejects. */
  contradictions(): number;
  /** Different prompts. */
  prompts(): number;
}

/** A counter that has seen no pair. */
export function createPairCounter(): PairCounter {
  const seen = createMarkSet();
  const prompts = createMarkSet();
  let duplicates = 0;
  let contradictions = 0;
  return {
    add(pair) {
      const mark = shortMark(pair.id);
      if (!seen.add(mark)) {
        duplicates++;
        return;
      }
      const prompt = shortMark(pair.promptId);
      // Only a pair with the same prompt can contradict; a second hash of every text would cost as much as the first.
      if (!prompts.add(prompt) && seen.has(shortMark(oppositeId(pair)))) contradictions++;
    },
    duplicates: () => duplicates,
    contradictions: () => contradictions,
    prompts: () => prompts.size(),
  };
}

/**
 * The first 52 bits of an id as a number: a fifth of the memory of its text. For counting only; among a million ids
 * two different ones share a mark with a probability of 1 in 9,000.
 */
const shortMark = (id: string): number => Number.parseInt(id.slice(0, 13), 16);
