/** How well text can be guessed without any model: the yardstick that a language model has to beat by far. */
import type { PreferencePair } from '../../data/pair.js';

/** Bytes looked at: letter frequencies settle long before that. */
const ENOUGH_BYTES = 4_000_000;

/** Entropy of single bytes in the responses, nats per byte: what counting letters alone achieves (English: about 3). */
export function letterEntropy(pairs: readonly PreferencePair[]): number {
  const counts = new Float64Array(256);
  let total = 0;
  for (const { chosen, rejected } of pairs) {
    for (const { content } of [...chosen, ...rejected]) {
      for (const byte of Buffer.from(content)) counts[byte]!++;
      total += Buffer.byteLength(content);
    }
    if (total > ENOUGH_BYTES) break;
  }
  return counts.reduce(
    (entropy, count) => (count === 0 ? entropy : entropy - (count / total) * Math.log(count / total)),
    0,
  );
}
