/** Texts of a row beside chosen and rejected: which of them describe the row, and which may be its prompt? */
import { isText, type Row } from '../fields.js';

/** Last words of the names of columns that describe a row. */
const DESCRIBES =
  /(?:^|[^a-z])(?:id|uuid|index|key|hash|source|origin|dataset|subset|split|model|category|type|kind|topic|domain|tag|lang|language|date|time|timestamp|version|license|url|label|name|author|annotator|score|rating|rank|winner)$/i;

/** Names of the columns with text, other than the two responses and the system text. Numbers in CSV are no text. */
export const otherTexts = (row: Row): string[] =>
  Object.entries(row)
    .filter(([name, value]) => !['chosen', 'rejected', 'system'].includes(name) && isText(value) && isWords(value))
    .map(([name]) => name);

/** Whether a column of this name may hold the prompt: every text may that is not known to describe the row. */
export const mayBePrompt = (name: string): boolean => !DESCRIBES.test(name);

/** Whether a column or field of this name describes a row or an answer rather than being part of it. */
export const describesRow = (name: string): boolean =>
  DESCRIBES.test(name) || /^(?:id|uuid|index|tokens|length|time)$/i.test(name);

const isWords = (text: string): boolean => text.trim() !== '' && Number.isNaN(Number(text));
