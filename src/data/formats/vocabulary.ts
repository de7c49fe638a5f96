/** What columns are called in public data sets, trainers and spreadsheets, in plain letters. */
import { isList, isRow, isText } from '../fields.js';
import { wordsOf } from '../names.js';
import { ROLE_KEYS, type Column, type ValueKind } from '../shape.js';

/** A column that holds one message or several. */
export const CHAT: readonly ValueKind[] = ['messages', 'message'];
/** A column that holds text. */
export const TEXT: readonly ValueKind[] = ['text'];
/** A column that holds an answer, as text or as messages. */
export const ANSWER: readonly ValueKind[] = ['text', 'messages', 'message'];

/** What columns with system text are called, the likeliest first. */
export const SYSTEM_NAMES = [
  'system',
  'system_prompt',
  'system_message',
  'system_instruction',
  'system_text',
  'sys',
  'sys_prompt',
];

/** What columns with earlier turns are called, the likeliest first. */
export const HISTORY_NAMES = ['history', 'chat_history', 'conversation_history', 'dialogue_history'];

/** Texts that ask, the likeliest first. */
export const PROMPT_NAMES = [
  'prompt',
  'question',
  'instruction',
  'query',
  'problem',
  'user_prompt',
  'user_input',
  'user_query',
  'user_question',
  'user_message',
  'user',
  'human',
  'request',
  'prompt_text',
  'question_text',
  'query_text',
  'input_text',
  'problem_statement',
  'post',
  'x',
  'input',
];

/** Lists of messages that ask. */
export const CHAT_PROMPT_NAMES = [
  'prompt',
  'messages',
  'conversations',
  'conversation',
  'context',
  'history',
  'input_messages',
  'prompt_messages',
  'input_messages',
  'trajectory',
  'chat',
  'dialogue',
  'dialog',
  'turns',
  'chat_history',
  'conversation_history',
];

/** Words for an answer that stand beside better and worse, or beside a and b. */
export const ANSWER_WORDS = new Set([
  'y',
  'response',
  'responses',
  'answer',
  'answers',
  'completion',
  'completions',
  'output',
  'outputs',
  'reply',
  'replies',
  'message',
  'messages',
  'conversation',
  'conversations',
  'conv',
  'text',
  'summary',
  'candidate',
  'candidates',
  'generation',
  'code',
  'solution',
  'sample',
  'trajectory',
  'dialogue',
  'dialog',
  'continuation',
  'story',
  'translation',
  'option',
  'assistant',
  'resp',
  'ans',
  'sql',
]);

const GOOD = new Set([
  'chosen',
  'preferred',
  'accepted',
  'accept',
  'good',
  'better',
  'best',
  'positive',
  'pos',
  'winning',
  'win',
  'selected',
  'liked',
  'favored',
  'favoured',
  'j',
  'correct',
  'passing',
  'upvoted',
  'winner',
  'w',
]);
const BAD = new Set([
  'rejected',
  'reject',
  'dispreferred',
  'unpreferred',
  'nonpreferred',
  'bad',
  'worse',
  'worst',
  'negative',
  'neg',
  'losing',
  'lose',
  'unselected',
  'disliked',
  'discarded',
  'k',
  'incorrect',
  'wrong',
  'failing',
  'downvoted',
  'loser',
  'l',
]);
const NOT = new Set(['non', 'not', 'un', 'dis']);

/** What a word in a column's name says of the answer in it. */
export type Quality = 'good' | 'bad';

/**
 * Whether a column's name calls its answer the good or the bad one: `chosen`, `better_answer`, `response_j`,
 * `non_preferred_output`. Other words in the name make it something about the answer (`chosen_model`).
 */
export function qualityOf(name: string): Quality | undefined {
  const words = wordsOf(name);
  const negated = words.some((word) => NOT.has(word));
  const rest = words.filter((word) => !NOT.has(word));
  const marks = rest.filter((word) => GOOD.has(word) || BAD.has(word));
  const [mark] = marks;
  if (mark === undefined || marks.length > 1) return undefined;
  const others = rest.filter((word) => word !== mark);
  if (others.length > 1 || others.some((word) => !ANSWER_WORDS.has(word))) return undefined;
  // A single letter says nothing without the answer it stands beside.
  if (mark.length === 1 && others.length === 0) return undefined;
  return GOOD.has(mark) !== negated ? 'good' : 'bad';
}

/** Whether a word of a column's name marks the better answer. */
export const isGoodWord = (word: string): boolean => GOOD.has(word);
/** Whether a word of a column's name marks the worse answer. */
export const isBadWord = (word: string): boolean => BAD.has(word);

/** Whether a list of messages begins with something that is asked: then it is a whole conversation, not an answer. */
export function isWhole({ sample }: Column): boolean {
  const first = isList(sample) ? sample[0] : undefined;
  if (!isRow(first)) return false;
  const role = ROLE_KEYS.map((key) => first[key]).find((value) => value !== undefined);
  return isText(role) && ['user', 'human', 'system', 'prompter'].includes(role.toLowerCase());
}
