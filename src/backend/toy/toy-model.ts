/**
 * A language model small enough to check by hand: the next token depends on the token before it and on which of a few
 * topics the prompt falls into. `logit(next) = bigram[previous][next] + topic[topic of prompt][next]`, so that a
 * sequence log-prob and its gradient are closed-form sums over its tokens. Everything is float64.
 */
import { createHash } from 'node:crypto';
import { seededRandom } from '../../core/random.js';

/** Token classes; the last one ends a sequence and also stands before its first token. */
export const VOCABULARY = 28;
/** Id of the token that ends a sequence. */
export const END_TOKEN = VOCABULARY - 1;
/** Number of topics that prompts fall into. */
export const TOPICS = 8;

/** Module name -> its slice of the parameter vector, [start, end). */
export const MODULES: Readonly<Record<string, readonly [number, number]>> = {
  bigram: [0, VOCABULARY * VOCABULARY],
  topic: [VOCABULARY * VOCABULARY, VOCABULARY * (VOCABULARY + TOPICS)],
};
/** Number of weights: one row of {@link VOCABULARY} per previous token and per topic. */
export const PARAMETERS = VOCABULARY * (VOCABULARY + TOPICS);

/** A response to score: its tokens, the token before the first, and the prompt's topic. */
export interface ToySequence {
  readonly topic: number;
  readonly previous: number;
  readonly tokens: readonly number[];
}

/** The first four bytes of SHA-256 as an unsigned integer: the seed that a text stands for. */
export function seedOf(text: string): number {
  return createHash('sha256').update(text).digest().readUInt32LE(0);
}

/** The weights that a name stands for: other names give other models, the same name always the same one. */
export function namedWeights(name: string): Float64Array {
  const random = seededRandom(seedOf(name));
  return Float64Array.from({ length: PARAMETERS }, () => 3 * random.next() - 1.5);
}

/** Logits of the next token, and the logarithm of the sum of their exponentials. Plain loops: whole runs pass here. */
function logitsAfter(weights: Float64Array, previous: number, topic: number): readonly [Float64Array, number] {
  const logits = new Float64Array(VOCABULARY);
  const [row, topicRow] = [previous * VOCABULARY, (VOCABULARY + topic) * VOCABULARY];
  let [top, sum] = [-Infinity, 0];
  for (let next = 0; next < VOCABULARY; next++) {
    const logit = (weights[row + next] ?? NaN) + (weights[topicRow + next] ?? NaN);
    logits[next] = logit;
    top = Math.max(top, logit);
  }
  for (let next = 0; next < VOCABULARY; next++) sum += Math.exp((logits[next] ?? NaN) - top);
  return [logits, top + Math.log(sum)];
}

/** Log-probabilities of the next token, in nats. */
export function nextTokenLogps(weights: Float64Array, previous: number, topic: number): Float64Array {
  const [logits, logSum] = logitsAfter(weights, previous, topic);
  return logits.map((logit) => Math.min(logit - logSum, 0));
}

/** Sum of the log-probs of a sequence's tokens, in nats. */
export function sequenceLogp(weights: Float64Array, sequence: ToySequence): number {
  let [sum, previous] = [0, sequence.previous];
  for (const token of sequence.tokens) {
    const [logits, logSum] = logitsAfter(weights, previous, sequence.topic);
    sum += Math.min((logits[token] ?? NaN) - logSum, 0);
    previous = token;
  }
  return sum;
}

/** Adds `factor * dlogp/dweights` to `gradient`: per token, one-hot minus softmax on both rows that made its logits. */
export function addGradient(
  weights: Float64Array,
  sequence: ToySequence,
  factor: number,
  gradient: Float64Array,
): void {
  const topicStart = (VOCABULARY + sequence.topic) * VOCABULARY;
  let previous = sequence.previous;
  for (const token of sequence.tokens) {
    const logps = nextTokenLogps(weights, previous, sequence.topic);
    for (let next = 0; next < VOCABULARY; next++) {
      const slope = factor * ((next === token ? 1 : 0) - Math.exp(logps[next] ?? NaN));
      gradient[previous * VOCABULARY + next] = (gradient[previous * VOCABULARY + next] ?? 0) + slope;
      gradient[topicStart + next] = (gradient[topicStart + next] ?? 0) + slope;
    }
    previous = token;
  }
}
