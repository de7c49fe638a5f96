/** Counts pairs that are there twice, and pairs that contradict each other, from their ids alone. */
import { pairId } from './make-pair.js';
import type { PreferencePair } from './pair.js';

export interface PairLedger {
  add(pair: PreferencePair): void;
  /** Pairs whose text was added before. */
  duplicates(): number;
  /** Texts that were added both ways round: what one pair prefers, another rejects. */
  contradictions(): number;
}

export function createPairLedger(): PairLedger {
  const seen = new Set<string>();
  let duplicates = 0;
  let contradictions = 0;
  return {
    add(pair) {
      if (seen.has(pair.id)) {
        duplicates++;
        return;
      }
      seen.add(pair.id);
      if (seen.has(pairId(pair.promptId, pair.rejected, pair.chosen, pair.plain))) contradictions++;
    },
    duplicates: () => duplicates,
    contradictions: () => contradictions,
  };
}
