/** Texts of a row that are JSON written once more: a list of messages, or one message, becomes what it spells. */
import { isList, isRow, isText } from '../fields.js';
import { RowProblem } from '../row-problem.js';
import { duplicateKey } from './duplicate-keys.js';
import { parsePythonLiteral } from './python-literal.js';
import type { RawRow } from './source.js';

/** Begins as a message or a list of messages in JSON, or as Python prints them. */
const ENCODED = /^\s*\[?\s*\{\s*["']/;
const SURE = /^\s*\[\s*\{\s*(["'])(?:role|content|from|value)\1/;

/** Rows whose encoded texts are decoded; a text that is not quite JSON costs its row. */
export async function* decodedRows(batches: AsyncIterable<readonly RawRow[]>): AsyncGenerator<readonly RawRow[]> {
  for await (const rows of batches) yield rows.map(decodedRow);
}

function decodedRow(row: RawRow): RawRow {
  if (row.problem !== undefined || !isRow(row.value) || !Object.values(row.value).some(mayBeEncoded)) return row;
  try {
    const cells = Object.entries(row.value).map(([name, cell]) => [name, cellValue(name, cell)] as const);
    return { ...row, value: Object.fromEntries(cells) };
  } catch (error) {
    if (error instanceof RowProblem) return { line: row.line, origin: row.origin, problem: error.message };
    throw error;
  }
}

const mayBeEncoded = (value: unknown): boolean =>
  isText(value) ? ENCODED.test(value) : isList(value) && isText(value[0]) && value.some(mayBeEncoded);

/** @param name of the column. @throws RowProblem for messages that cannot be read, or with a key twice. */
function cellValue(name: string, cell: unknown): unknown {
  if (isList(cell)) return cell.map((entry, index) => (isText(entry) ? cellValue(`${name}[${index}]`, entry) : entry));
  if (!isText(cell) || !ENCODED.test(cell)) return cell;
  const python = /^\s*\[?\s*\{\s*'/.test(cell);
  const parsed = python ? parsePythonLiteral(cell) : parseJson(name, cell);
  if (parsed === undefined) {
    if (!SURE.test(cell)) return cell;
    throw new RowProblem(
      `${name}: a list of messages ${python ? "in Python's notation that cannot be read" : 'that is not JSON'}`,
    );
  }
  return areMessages(parsed) ? parsed : cell;
}

function parseJson(name: string, cell: string): unknown {
  try {
    const value = JSON.parse(cell) as unknown;
    const twice = areMessages(value) ? duplicateKey(cell, value) : undefined;
    if (twice === undefined) return value;
    throw new RowProblem(`${name}: the key ${JSON.stringify(twice)} appears twice`);
  } catch (error) {
    if (error instanceof RowProblem) throw error;
    return undefined;
  }
}

/** One message, or a list of nothing else. */
const areMessages = (value: unknown): boolean =>
  isList(value) ? value.length > 0 && value.every(isMessage) : isMessage(value);

const isMessage = (value: unknown): boolean =>
  isRow(value) && (isText(value['role']) || isText(value['from'])) && BODY.some((key) => key in value);

const BODY = ['content', 'value', 'tool_calls', 'parts'];
