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

/** Words that make a tie of a few words that say more: `A and B are equally good`. */
const TIE_PARTS = new Set(['tie', 'tied', 'draw', 'equal', 'equally', 'identical', 'same', 'both', 'neither']);

/** Words in the name of a verdict that say whether it names the better or the worse answer. */
const NAMES_BETTER = new Set([
  ...['better', 'best', 'preferred', 'chosen', 'selected', 'winner', 'winning', 'won', 'wins', 'accepted', 'liked'],
]);
const NAMES_WORSE = new Set([
  ...['worse', 'worst', 'rejected', 'reject', 'loser', 'losing', 'lost', 'loses', 'dispreferred', 'unpreferred'],
  ...['nonpreferred', 'disliked', 'discarded', 'eliminated', 'inferior'],
]);
const NOT = new Set(['not', 'non', 'un', 'dis']);
/** Words that may turn what a verdict of this name means: `less helpful`, `more harmful`. */
const MAY_TURN = new Set([
  ...[
    'less',
    'least',
    'harmful',
    'toxic',
    'unsafe',
    'offensive',
    'bad',
    'wrong',
    'incorrect',
    'error',
    'errors',
    'fails',
  ],
]);

const THUMBS: Readonly<Record<string, number>> = { '👍': 1, '👎': 0 };

const joined = (text: string): string => wordsOf(text).join('_');

/** Whether a text says that both answers are equal. */
export const isTieWord = (text: string): boolean => TIES.has(joined(text));

/** Whether one word makes a few words a tie. */
export const isTiePart = (word: string): boolean => TIE_PARTS.has(word);

/**
 * Which answer a verdict of this name points at: `loser`, `worst_response` and `not_preferred` at the worse one. `unclear`
 * where the name speaks of both.
 */
export function pointsAt(name: string): 'better' | 'worse' | 'unclear' {
  const words = wordsOf(name);
  const [better, worse] = [NAMES_BETTER, NAMES_WORSE].map((set) => words.some((word) => set.has(word)));
  if (better === true && worse === true) return 'unclear';
  if (worse !== true && words.some((word) => MAY_TURN.has(word))) return 'unclear';
  const negated = words.some((word) => NOT.has(word)) && (better === true || worse === true);
  return (worse === true) !== negated ? 'worse' : 'better';
}

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
