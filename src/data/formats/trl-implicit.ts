import { splitMessages, commonTextLength } from '../common-prefix.js';
import {
  assistant,
  isList,
  isMessageLike,
  isText,
  looksLikeMessages,
  messagesOf,
  optionalText,
  responseOf,
  textField,
  user,
  withSystem,
  type Row,
} from '../fields.js';
import type { PairDraft } from '../make-pair.js';
import type { ChatMessage } from '../pair.js';
import { RowProblem } from '../row-problem.js';
import type { FormatContext, RowFormat } from './format.js';
import { mayBePrompt, otherTexts } from './other-texts.js';

/**
 * TRL's implicit-prompt format: the prompt is what chosen and rejected begin with in common. Data sets such as
 * UltraFeedback-binarized also have the prompt as text beside the two conversations; it is already inside them. Where
 * chosen and rejected are answers alone, the prompt is the `prompt` text or the `messages` beside them.
 */
export const trlImplicit: RowFormat = {
  name: 'trl-implicit',
  summary:
    '{chosen, rejected, messages?}: whole texts or conversations, whose common beginning is the prompt, or answers to messages',
  fields: ['chosen', 'rejected'],
  note: textNote,
  recognises: (row) => isTextPair(row) || isConversationPair(row),
  toPairs: (row, context) => [
    isText(row['chosen']) && !looksLikeMessages(row['messages']) ? textPair(row, context) : conversationPair(row),
  ],
};

const isTextPair = (row: Row): boolean =>
  isText(row['chosen']) &&
  isText(row['rejected']) &&
  row['prompt'] === undefined &&
  !looksLikeMessages(row['messages']);

const isConversationPair = (row: Row): boolean =>
  !isList(row['prompt']) &&
  [row['chosen'], row['rejected']].every((side) => looksLikeMessages(side) || isAnswer(side, row));

/** One answer to a question that stands beside it. Of two texts and a prompt, another format knows what they are. */
const isAnswer = (side: unknown, row: Row): boolean =>
  looksLikeMessages(row['messages'])
    ? isMessageLike(side) || isText(side)
    : isMessageLike(side) && isText(row['prompt']);

function conversationPair(row: Row): PairDraft {
  const systemText = optionalText(row, 'system');
  const conversation = (name: string): ChatMessage[] => withSystem(systemText, responseOf(row[name], name));
  const [chosen, rejected] = [conversation('chosen'), conversation('rejected')];
  const split = splitMessages(chosen, rejected);
  const asked = questionBeside(row);
  if (asked.length === 0 || split.prompt.some(({ role }) => role === 'user')) return { plain: false, ...split };
  // No question in what they share: they are answers, with at most a system text in front that belongs to the prompt.
  const [first] = split.prompt;
  const systemTurns = first?.role === 'system' ? 1 : 0;
  return {
    plain: false,
    prompt: withSystem(systemTurns === 0 ? '' : (first?.content ?? ''), asked),
    chosen: chosen.slice(systemTurns),
    rejected: rejected.slice(systemTurns),
  };
}

function questionBeside(row: Row): ChatMessage[] {
  if (isText(row['prompt']) && row['prompt'].trim() !== '') return [user(row['prompt'])];
  return isList(row['messages']) ? messagesOf(row['messages'], 'messages') : [];
}

function textPair(row: Row, { named }: FormatContext): PairDraft {
  const other = named ? undefined : otherTexts(row).find(mayBePrompt);
  if (other !== undefined) {
    throw new RowProblem(
      `${other}: may be the prompt (--columns prompt=${other}); if the prompt stands in chosen and rejected, name the format (--format trl-implicit)`,
    );
  }
  if (optionalText(row, 'system') !== '') {
    throw new RowProblem(
      'system: has no place before whole texts; put the prompt into a column of its own, or the system text into both texts',
    );
  }
  const chosen = textField(row, 'chosen');
  const rejected = textField(row, 'rejected');
  const length = commonTextLength(chosen, rejected);
  return {
    plain: true,
    promptKey: wholeWords(chosen, length) || undefined,
    prompt: [user(chosen.slice(0, length))],
    chosen: [assistant(chosen.slice(length))],
    rejected: [assistant(rejected.slice(length))],
  };
}

/** The common beginning ends inside a word where the answers begin alike; the question in front of it is the same. */
function wholeWords(text: string, length: number): string {
  const beginning = text.slice(0, length);
  return (/^\s/.test(text.slice(length)) ? beginning : beginning.replace(/\S*$/, '')).trimEnd();
}

function textNote(sample: readonly Row[]): string | undefined {
  const rows = sample.filter(isTextPair);
  if (rows.length === 0) return undefined;
  const ignored = [...new Set(rows.flatMap(otherTexts))];
  return `the prompt is the common beginning of chosen and rejected${ignored.length === 0 ? '' : `; not read: ${ignored.join(', ')}`}`;
}
