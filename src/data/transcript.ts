/** Dialogues written as one text, `\n\nHuman: ...\n\nAssistant: ...` (HH-RLHF, Nectar), taken apart into messages. */
import { assistant, user } from './fields.js';
import type { ChatMessage } from './pair.js';
import { RowProblem } from './row-problem.js';

const TURN = /(?:^|\n\n)(Human|Assistant): ?/g;

export const looksLikeTranscript = (text: string): boolean => /^\s*Human: ?/.test(text) && /\n\nAssistant:/.test(text);

/** The turns; a last turn without text (an open "Assistant:") is left out. @throws RowProblem if it is no such dialogue. */
export function transcriptMessages(text: string, where: string): ChatMessage[] {
  const marks = [...text.matchAll(TURN)];
  const before = text.slice(0, marks[0]?.index ?? text.length).trim();
  if (marks.length === 0 || before !== '')
    throw new RowProblem(`${where}: expected a dialogue that begins with "Human:"`);
  const messages = marks.map((mark, index) => {
    const content = text.slice(mark.index + mark[0].length, marks[index + 1]?.index ?? text.length).trim();
    return mark[1] === 'Human' ? user(content) : assistant(content);
  });
  const last = messages.at(-1);
  return last?.role === 'assistant' && last.content === '' ? messages.slice(0, -1) : messages;
}
