/** Pairs for tests, without any test framework: child processes use them too. */
import { makePair } from '../../src/data/make-pair.js';
import type { PreferencePair } from '../../src/data/pair.js';

const WORDS =
  'the quick brown fox jumps over a lazy dog while rain falls on old stone walls and birds sing near green hills'.split(
    ' ',
  );

/** `count` different conversational pairs; the same number always gives the same pairs. */
export function samplePairs(count: number, first = 0): PreferencePair[] {
  return Array.from({ length: count }, (_, i) => {
    const n = first + i;
    const word = (k: number): string => WORDS[(n * 7 + k * 3) % WORDS.length] ?? 'word';
    return makePair(
      {
        prompt: [{ role: 'user', content: `question ${n} about ${word(1)} and ${word(2)}` }],
        chosen: [{ role: 'assistant', content: `answer ${n}: ${word(3)} ${word(4)} ${word(5)} ${word(6)}` }],
        rejected: [{ role: 'assistant', content: `reply ${word(8)} ${n} ${word(9)}` }],
        plain: false,
      },
      n + 1,
    );
  });
}
