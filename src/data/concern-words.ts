/** What a column that nothing reads may be, by its name: part of what is asked, part of the answers, or a verdict. */
import { isBadWord, isGoodWord } from './formats/vocabulary.js';
import { describesRow } from './formats/other-texts.js';
import { plainName, wordsOf } from './names.js';

/** Part of an answer in a column of its own, which no role reads. */
export const ANSWER_PART = 'part of the answer';

/** What a text of this name may be, by its last word, and the role in which it is read. */
const ROLES: readonly (readonly [role: string, words: ReadonlySet<string>])[] = [
  ['system', new Set(['system', 'persona', 'sys', 'preamble', 'character'])],
  [
    'history',
    new Set([
      ...['history', 'turns', 'conversation', 'conversations', 'messages', 'dialogue', 'dialog', 'trajectory', 'chat'],
    ]),
  ],
  [
    'input',
    new Set([
      ...['context', 'contexts', 'schema', 'document', 'documents', 'passage', 'passages', 'paragraph', 'paragraphs'],
      ...['article', 'abstract', 'excerpt', 'transcript', 'background', 'knowledge', 'facts', 'evidence', 'premise'],
      ...['input', 'inputs', 'table', 'story', 'email', 'body', 'selftext', 'snippet', 'hint', 'hints', 'details'],
      ...['examples', 'demonstrations', 'demos', 'shots', 'exemplars', 'constraints', 'requirements', 'description'],
      ...['choices', 'options'],
    ]),
  ],
  ['tools', new Set(['tools', 'functions'])],
  ['prompt', new Set(['prompt', 'question', 'query', 'instruction', 'instructions', 'problem'])],
  [ANSWER_PART, new Set(['steps', 'prefix', 'prefill'])],
];
/** Whole names: their last word alone means other things as well (`language_code`). */
const INPUT_NAMES = new Set(['text', 'code', 'source_code', 'buggy_code', 'input_code', 'starter_code']);
/** Words of what was said about the pair, not in it. */
const ABOUT = new Set([
  ...['judge', 'judging', 'labelling', 'labeling', 'generation', 'rating', 'eval', 'evaluation', 'annotation'],
  ...['annotator', 'feedback', 'critique', 'rationale', 'template', 'judgment', 'judgement', 'response', 'answer'],
  ...['completion', 'chosen', 'rejected'],
]);
const THOUGHTS = new Set(['reasoning', 'thinking', 'think', 'thought', 'thoughts', 'cot']);
const EXCHANGES = new Set([
  ...['swapped', 'flipped', 'reversed', 'inverted', 'switched', 'exchanged', 'mirrored'],
  ...['swap', 'flip', 'reverse', 'invert', 'switch'],
]);
const VERDICTS = new Set(['winner', 'preference', 'preferred', 'choice', 'verdict', 'better', 'loser', 'worse']);
/** Yes or no, and which way round nobody knows. */
const LABELS = new Set(['label', 'labels', 'target', 'y']);

/** Whether the name says that the column tells of the pair rather than being part of it. */
export const isAbout = (path: string): boolean => wordsOf(path).some((word) => ABOUT.has(word));

/** The role that a column of this path has as a rule; `undefined` for one that describes the row. */
export function likelyRole(path: string): string | undefined {
  const own = path.split('.').at(-1) ?? path;
  const words = wordsOf(own);
  const last = words.at(-1) ?? '';
  if (isThoughtsOfAnswer(words)) return ANSWER_PART;
  if (isAbout(path) || describesRow(own)) return undefined;
  if (words[0] === 'system') return 'system';
  if (INPUT_NAMES.has(plainName(own))) return 'input';
  return ROLES.find(([, known]) => known.has(last))?.[0];
}

/** `chosen_thinking` beside `chosen`: what the answer begins with, where the model thinks aloud. */
const isThoughtsOfAnswer = (words: readonly string[]): boolean =>
  words.some((word) => THOUGHTS.has(word)) &&
  words.some((word) => word.length > 1 && (isGoodWord(word) || isBadWord(word)));

/** A mark that a row's answers stand the other way round. */
export const isExchange = (path: string): boolean => EXCHANGES.has(wordsOf(path).at(-1) ?? '');

/** The order in which answers were shown or stand. */
export const isOrder = (path: string): boolean =>
  ['order', 'ordering', 'permutation'].includes(wordsOf(path).at(-1) ?? '');

/** Whether a column is called a verdict between two answers: `winner`, `overall_preference`. */
export const namesVerdict = (path: string): boolean =>
  VERDICTS.has(wordsOf(path).at(-1) ?? '') && !wordsOf(path).some((word) => word === 'model' || word === 'reason');

/** Whether a column is called a label and nothing more. */
export const isLabel = (path: string): boolean => LABELS.has(plainName(path));
