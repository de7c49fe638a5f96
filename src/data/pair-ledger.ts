/** Counts pairs that are there twice, and pairs that contradict each other, from their ids alone. */
import { sha256 } from '../core/hash.js';
import type { PreferencePair } from './pair.js';

export interface PairLedger {
  add(pair: PreferencePair): void;
  /** Pairs whose text was added before. */
  duplicates(): number;
  /** Texts that were added both ways round. */
  contradictions(): number;
}

export function createPairLedger(): PairLedger {
  const seen = new Set<string>();
  // For each pair without its direction: which direction came first, and whether the other one came too.
  const directions = new Map<string, 'forward' | 'backward' | 'both'>();
  let duplicates = 0;
  let contradictions = 0;
  return {
    add(pair) {
      if (seen.has(pair.id)) {
        duplicates++;
        return;
      }
      seen.add(pair.id);
      const [chosen, rejected] = [text(pair.chosen), text(pair.rejected)];
      const direction = chosen < rejected ? 'forward' : 'backward';
      const key = sha256(`${pair.promptId}${direction === 'forward' ? chosen + rejected : rejected + chosen}`);
      const known = directions.get(key);
      if (known === undefined) directions.set(key, direction);
      else if (known !== 'both' && known !== direction) {
        directions.set(key, 'both');
        contradictions++;
      }
    },
    duplicates: () => duplicates,
    contradictions: () => contradictions,
  };
}

const text = (messages: PreferencePair['chosen']): string => JSON.stringify(messages.map(({ role, content }) => [role, content]));
