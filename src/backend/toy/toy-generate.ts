/** Greedy and sampled text from a toy. */
import { largest } from '../../core/extremes.js';
import { seededRandom, type Random } from '../../core/random.js';
import { END_TOKEN, nextTokenLogps, type ToySequence } from './toy-model.js';

/** How the next token is drawn. */
export interface ToySampling {
  readonly maxNewTokens: number;
  /** 0 = greedy. */
  readonly temperature: number;
  /** Keep the fewest tokens whose probabilities reach this share; 1 = all. */
  readonly topP: number;
  readonly seed: number;
}

/** Tokens after `prompt`, without the end token, and whether the end token came. */
export function generateTokens(
  weights: Float64Array,
  prompt: ToySequence,
  sampling: ToySampling,
): { tokens: number[]; finished: boolean } {
  const random = seededRandom(sampling.seed);
  const tokens: number[] = [];
  while (tokens.length < sampling.maxNewTokens) {
    const logps = nextTokenLogps(weights, tokens.at(-1) ?? prompt.previous, prompt.topic);
    const next = sampling.temperature === 0 ? logps.indexOf(largest(logps)) : sample(logps, sampling, random);
    if (next === END_TOKEN) return { tokens, finished: true };
    tokens.push(next);
  }
  return { tokens, finished: false };
}

function sample(logps: Float64Array, { temperature, topP }: ToySampling, random: Random): number {
  const weights = [...logps].map((logp, token) => ({ token, weight: Math.exp(logp / temperature) }));
  const total = weights.reduce((sum, { weight }) => sum + weight, 0);
  weights.sort((a, b) => b.weight - a.weight);
  let kept = 0;
  const nucleus = weights.filter(({ weight }) => {
    const before = kept;
    kept += weight;
    return before < topP * total;
  });
  const mass = nucleus.reduce((sum, { weight }) => sum + weight, 0);
  let target = random.next() * mass;
  for (const { token, weight } of nucleus) {
    target -= weight;
    if (target < 0) return token;
  }
  return nucleus.at(-1)?.token ?? END_TOKEN;
}
