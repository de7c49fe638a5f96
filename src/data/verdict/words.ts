/** Words in which data sets say which answer is better, and how good one is. */
import { wordsOf } from '../names.js';

const TIES = new Set([
  'tie',
  'ties',
  'tied',
  'draw',
  'equal',
  'equally_good',
  'equally_bad',
  'same',
  'both',
  'both_good',
  'both_bad',
  'bothbad',
  'tie_bothbad',
  'tie_both_bad',
  'neither',
  'none',
  'no_preference',
  'no_difference',
  'about_the_same',
  'unsure',
  'skip',
]);

const BETTER = new Set([
  'chosen',
  'preferred',
  'accepted',
  'selected',
  'good',
  'better',
  'best',
  'positive',
  'pos',
  'up',
  'thumbs_up',
  'thumb_up',
  'upvote',
  'like',
  'liked',
  'win',
  'winner',
  'desirable',
  'true',
  'yes',
]);

const WORSE = new Set([
  'rejected',
  'dispreferred',
  'non_preferred',
  'unpreferred',
  'not_preferred',
  'bad',
  'worse',
  'worst',
  'negative',
  'neg',
  'down',
  'thumbs_down',
  'thumb_down',
  'downvote',
  'dislike',
  'disliked',
  'lose',
  'loss',
  'loser',
  'undesirable',
  'false',
  'no',
]);

/** Words that say how good something is, whatever is called so. */
const GRADES = new Set([
  ...['good', 'better', 'best', 'chosen', 'preferred', 'accepted', 'selected', 'winner'],
  ...['bad', 'worse', 'worst', 'rejected', 'dispreferred', 'non_preferred', 'not_preferred', 'unpreferred', 'loser'],
]);

const THUMBS: Readonly<Record<string, number>> = { '👍': 1, '👎': 0 };

const joined = (text: string): string => wordsOf(text).join('_');

/** Whether a text says that both answers are equal. */
export const isTieWord = (text: string): boolean => TIES.has(joined(text));

/** 1 for a word that praises an answer, 0 for one that rejects it, `undefined` for any other. */
export function goodnessOfWord(text: string): number | undefined {
  const thumb = THUMBS[text.trim()];
  if (thumb !== undefined) return thumb;
  const word = joined(text);
  if (BETTER.has(word)) return 1;
  return WORSE.has(word) ? 0 : undefined;
}

/** Words in a column's name that say which of two things the column is about, and its place among the two. */
const MARKERS: readonly (readonly [string, string])[] = [
  ['a', 'b'],
  ['0', '1'],
  ['1', '2'],
  ['left', 'right'],
  ['first', 'second'],
  ['one', 'two'],
];

/** Whether a word grades an answer by itself, as `good` does and `yes` does not. */
export const isGrade = (text: string): boolean => GRADES.has(joined(text));

/** Two words that tell two answers apart, e.g. left and right. */
export type Markers = readonly [string, string];
/** All pairs of such words that are known. */
export const markerPairs = (): readonly Markers[] => MARKERS;
