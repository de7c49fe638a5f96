/** Messages that a file holds as text, in JSON or in Python's notation: tables have no other place for lists. */
import { isList, isText, type Row } from './fields.js';
import { isMessageLike } from './shape.js';
import type { Tally } from './tally.js';

const MESSAGES = /^\s*\[\s*\{\s*["'](?:role|content|from|value|speaker|text)["']\s*:/;

/** The row with such texts read; the very same row where there are none. */
export function withEmbedded(row: Row, tally: Tally): Row {
  let changed: Record<string, unknown> | undefined;
  for (const name in row) {
    const value = row[name];
    if (!isText(value) || !beginsList(value)) continue;
    const messages = MESSAGES.test(value) ? messagesIn(value) : undefined;
    if (messages === undefined) continue;
    tally.add('texts in JSON', name);
    (changed ??= { ...row })[name] = messages;
  }
  return changed ?? row;
}

const beginsList = (text: string): boolean => {
  const first = text.charCodeAt(0);
  return first === 0x5b || (first <= 0x20 && text.trimStart().startsWith('['));
};

function messagesIn(text: string): readonly unknown[] | undefined {
  try {
    const value = JSON.parse(text) as unknown;
    return isList(value) && value.every(isMessageLike) ? value : undefined;
  } catch {
    return undefined;
  }
}
