/** Whether more of a score is better, by its name; a name that does not say so has to be asked about. */
import { wordsOf } from '../names.js';

/** Which end of a score is better, as far as its name says. */
export type Direction = 'higher' | 'lower' | 'unknown';

const HIGHER = new Set(['score', 'scores', 'rating', 'ratings', 'reward', 'rewards', 'upvotes', 'votes', 'likes']);
const LOWER = new Set([
  'rank',
  'ranks',
  'ranking',
  'toxicity',
  'toxic',
  'perplexity',
  'ppl',
  'loss',
  'losses',
  'nll',
  'error',
  'errors',
  'wer',
  'cer',
  'distance',
  'harm',
  'harmful',
  'harmfulness',
  'severity',
  'latency',
  'cost',
  'violations',
  'risk',
  'refusal',
  'downvotes',
  'downvote',
  'dislikes',
  'mistakes',
  'failures',
  'flags',
  'complaints',
  'worst',
  'bad',
  'hallucination',
  'hallucinations',
  'bias',
  'penalty',
]);
/** Words beside `score` that leave it what it is. */
const NEUTRAL = new Set([
  'all',
  'avg',
  'average',
  'mean',
  'final',
  'overall',
  'total',
  'rm',
  'pm',
  'model',
  'human',
  'user',
  'judge',
  'gpt',
  'ai',
  'llm',
  'armo',
  'fine',
  'grained',
  'raw',
  'orig',
  'response',
  'responses',
  'answer',
  'answers',
  'completion',
  'completions',
  'output',
  'conv',
  'conversation',
  'chosen',
  'rejected',
  'reject',
  'preferred',
  'annotator',
  'expert',
  'a',
  'b',
]);

/** Words behind `rank` that only say whose it is: `rank_a`, `rank_of_response_1`. */
const OWNERS = /^(?:[ab]|\d+|left|right|first|second|of|response|answer|completion|output|candidate|chosen|rejected)$/;

/** Words in front of `rank` of which nobody knows whether 1 is still the best: `reverse_rank`, `percentile_rank`. */
const TURNS = new Set([
  ...['reverse', 'reversed', 'inverse', 'inverted', 'reciprocal', 'negative', 'neg', 'percentile', 'pct'],
  ...['descending', 'ascending'],
]);

/** Of `ranks` and `rank` too, 1 is best: that is what ranks are, so it need not be asked. */
export const isRank = (name: string): boolean => {
  const words = wordsOf(name);
  const last = words.filter((word) => !OWNERS.test(word)).at(-1);
  return (last === 'rank' || last === 'ranks' || last === 'ranking') && !words.some((word) => TURNS.has(word));
};

/** By the words of the name: `toxicity` is lower, `reward` higher. */
export function directionOf(name: string): Direction {
  const words = wordsOf(name);
  if (words.some((word) => TURNS.has(word))) return 'unknown';
  if (words.some((word) => LOWER.has(word))) return 'lower';
  const rest = words.filter((word) => !HIGHER.has(word));
  if (rest.length === words.length) return 'unknown';
  return rest.every((word) => NEUTRAL.has(word) || /^\d+$/.test(word)) ? 'higher' : 'unknown';
}

/** Whether the name speaks of scores at all, in whatever direction. */
export const namesScore = (name: string): boolean => {
  const words = wordsOf(name);
  return words.some((word) => HIGHER.has(word) || LOWER.has(word));
};
