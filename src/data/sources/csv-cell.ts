/** What a CSV cell says: its text, or the list of messages that it spells in JSON. */
import { RowProblem } from '../row-problem.js';
import { duplicateKey } from './duplicate-keys.js';

const JSON_MESSAGES = /^\s*\[\s*\{\s*"(?:role|content|from|value)"/;
const PYTHON_MESSAGES = /^\s*\[\s*\{\s*'(?:role|content|from|value)'/;

/** @param name of the column. @throws RowProblem for a list of messages in another notation, or with a key twice. */
export function cellValue(name: string, cell: string): unknown {
  if (PYTHON_MESSAGES.test(cell))
    throw new RowProblem(`${name}: a list of messages in Python's notation; expected JSON`);
  if (!JSON_MESSAGES.test(cell)) return cell;
  const messages = parseMessages(name, cell);
  const twice = duplicateKey(cell, messages);
  if (twice === undefined) return messages;
  throw new RowProblem(`${name}: the key ${JSON.stringify(twice)} appears twice`);
}

function parseMessages(name: string, cell: string): unknown {
  try {
    return JSON.parse(cell) as unknown;
  } catch (error) {
    throw new RowProblem(
      `${name}: a list of messages that is not JSON: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}
