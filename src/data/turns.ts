/** Dialogues that are written as one text, with marks in front of each turn, taken apart into messages. */
import { assistant, system, user } from './messages.js';
import type { ChatMessage } from './pair.js';

/** How a text marks its turns. */
export type TurnMarks = 'Human:/Assistant:' | '<extra_id_1>' | '<|im_start|>';

/** A text taken apart into turns. */
export interface MarkedTurns {
  readonly marks: TurnMarks;
  /** A last turn without text (an open "Assistant:") is left out. */
  readonly turns: readonly ChatMessage[];
  /** Whether the text ends with the mark of a turn that is still to be written. */
  readonly open: boolean;
}

const SPEAKERS = /(?:^|\r?\n\r?\n)(Human|User|Assistant): ?/g;
const EXTRA_ID = /(?:^|\n?)<extra_id_[01]>(System|User|Assistant)\n/g;
const CHATML = /<\|im_start\|>(\w+)\n([\s\S]*?)(?:<\|im_end\|>\n?|$)/g;
/** Marks of further templates: text with them is a rendered prompt, which a second template must not wrap. */
const RENDERED =
  /<\|start_header_id\|>|<\|eot_id\|>|\[INST\]|<start_of_turn>|<\|im_end\|>|<\|user\|>|<\|assistant\|>|<｜User｜>/;

/**
 * The turns of a dialogue written as one text; undefined for a text without marks.
 * @param templates whether the marks of chat templates count too.
 */
export function markedTurns(text: string, templates = true): MarkedTurns | undefined {
  if (text.includes('<extra_id_1>')) return extraIdTurns(text);
  if (templates && text.includes('<|im_start|>')) return chatMlTurns(text);
  return looksLikeTranscript(text) ? speakerTurns(text) : undefined;
}

/** Whether a text is a dialogue of Human (or User) and Assistant from its first words. */
export const looksLikeTranscript = (text: string): boolean =>
  /^\s*(?:Human|User): ?/.test(text) && /\n\r?\nAssistant:/.test(text);

/** The mark of a rendered template inside a text, if there is one. */
export const renderedMark = (text: string): string | undefined =>
  text.includes('<') || text.includes('[INST]') ? RENDERED.exec(text)?.[0] : undefined;

/** The turns of `Human: ... Assistant: ...`; `undefined` where something stands before the first of them. */
export function speakerTurns(text: string): MarkedTurns | undefined {
  const marks = [...text.matchAll(SPEAKERS)];
  if (marks.length === 0 || text.slice(0, marks[0]?.index).trim() !== '') return undefined;
  const turns = marks.map((mark, index) => {
    const content = text.slice(mark.index + mark[0].length, marks[index + 1]?.index ?? text.length).trim();
    return mark[1] === 'Assistant' ? assistant(content) : user(content);
  });
  return closed('Human:/Assistant:', turns);
}

/** The turns of NVIDIA's prompts; the first is a user turn without a mark where the text does not begin with one. */
function extraIdTurns(text: string): MarkedTurns | undefined {
  const marks = [...text.matchAll(EXTRA_ID)];
  if (marks.length === 0) return undefined;
  const before = text.slice(0, marks[0]?.index).trim();
  const turns = marks.map((mark, index) => {
    const content = text.slice(mark.index + mark[0].length, marks[index + 1]?.index ?? text.length).trim();
    return mark[1] === 'Assistant' ? assistant(content) : mark[1] === 'User' ? user(content) : system(content);
  });
  const filled = turns.filter(({ role, content }, index) => role !== 'system' || content !== '' || index > 0);
  return closed('<extra_id_1>', before === '' ? filled : [user(before), ...filled]);
}

function chatMlTurns(text: string): MarkedTurns | undefined {
  const matches = [...text.matchAll(CHATML)];
  if (matches.length === 0 || text.slice(0, matches[0]?.index).trim() !== '') return undefined;
  const turns = matches.map(([, role = '', content = '']) => ({ role, content: content.trim() }));
  return closed('<|im_start|>', turns);
}

function closed(marks: TurnMarks, turns: readonly ChatMessage[]): MarkedTurns {
  const last = turns.at(-1);
  const open = last?.role === 'assistant' && last.content === '';
  return { marks, turns: open ? turns.slice(0, -1) : turns, open };
}

/** An answer without the mark that ends a turn. */
export const withoutEndMark = (text: string): string => text.replace(/\s*(?:<extra_id_1>|<\|im_end\|>)\s*$/, '');
