/** Rows as the text of a file that is not JSON lines. */
import type { SchemaCase } from './cases.js';

type FileOf = NonNullable<SchemaCase['file']>;

const cell = (value: unknown): string => {
  const text = value === null || value === undefined ? '' : typeof value === 'string' ? value : JSON.stringify(value);
  return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
};

export const csv =
  (name: string): FileOf =>
  (rows) => {
    const keys = Object.keys(rows[0] ?? {});
    const lines = rows.map((row) => keys.map((key) => cell((row as Record<string, unknown>)[key])).join(','));
    return [name, `${[keys.map(cell).join(','), ...lines].join('\n')}\n`];
  };

export const json =
  (wrap: (rows: readonly object[]) => unknown, name = 'rows.json'): FileOf =>
  (rows) => [name, JSON.stringify(wrap(rows))];
