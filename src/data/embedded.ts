/**
 * Messages that a file holds as text, in JSON or as Python prints them: tables have no other place for lists, and some
 * writers encode them once more in JSON lines.
 */
import { isList, isRow, isText, type Row } from './fields.js';
import { RowProblem } from './row-problem.js';
import { duplicateKey } from './sources/duplicate-keys.js';
import { parsePythonLiteral } from './sources/python-literal.js';
import type { Tally } from './tally.js';

/** Begins as a message or a list of messages. */
const ENCODED = /^\s*\[?\s*\{\s*(["'])/;
const SURE = /^\s*\[\s*\{\s*(["'])(?:role|content|from|value)\1\s*:/;
/** Keys of a message beside its speaker. */
const BODY = ['content', 'value', 'text', 'message', 'tool_calls', 'parts'];

/**
 * The row with such texts read; the very same row where there are none.
 * @throws RowProblem for messages that cannot be read, or have a key twice: as text they must not be trained on.
 */
export function withEmbedded(row: Row, tally: Tally): Row {
  let changed: Record<string, unknown> | undefined;
  for (const name in row) {
    const value = row[name];
    if (!mayBeEncoded(value)) continue;
    const decoded = decodedValue(name, value);
    if (decoded === value) continue;
    tally.add('texts in JSON', name);
    (changed ??= { ...row })[name] = decoded;
  }
  return changed ?? row;
}

const mayBeEncoded = (value: unknown): boolean =>
  isText(value) ? beginsNested(value) : isList(value) && isText(value[0]) && value.some(mayBeEncoded);

/** Most texts begin with a letter, and a pattern costs more than looking at that. */
const beginsNested = (text: string): boolean => {
  const first = text.charCodeAt(0);
  return (first === 0x5b || first === 0x7b || first <= 0x20) && ENCODED.test(text);
};

/** The very same value where it holds no messages. */
function decodedValue(name: string, value: unknown): unknown {
  if (isList(value)) {
    const entries = value.map((entry, index) =>
      mayBeEncoded(entry) ? decodedValue(`${name}[${index}]`, entry) : entry,
    );
    return entries.some((entry, index) => entry !== value[index]) ? entries : value;
  }
  if (!isText(value)) return value;
  const python = ENCODED.exec(value)?.[1] === "'";
  const parsed = python ? parsePythonLiteral(value) : parseJson(name, value);
  if (parsed !== undefined) return areMessages(parsed) ? parsed : value;
  if (!SURE.test(value)) return value;
  const notation = python ? "in Python's notation that cannot be read" : 'that is not JSON';
  throw new RowProblem(`${name}: a list of messages ${notation}`);
}

function parseJson(name: string, text: string): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  const twice = areMessages(value) ? duplicateKey(text, value) : undefined;
  if (twice === undefined) return value;
  throw new RowProblem(`${name}: the key ${JSON.stringify(twice)} appears twice`);
}

/** One message, or a list of nothing else. */
const areMessages = (value: unknown): boolean =>
  isList(value) ? value.length > 0 && value.every(isMessage) : isMessage(value);

const isMessage = (value: unknown): boolean =>
  isRow(value) &&
  (isText(value['role']) || isText(value['from']) || isText(value['speaker'])) &&
  BODY.some((key) => key in value);
