/** Taking typed fields out of rows of unknown shape; what does not fit is a {@link RowProblem} that says got and expected. */
import { describeValue } from '../core/describe-value.js';
import { RowProblem } from './row-problem.js';

/** One row as the file has it. */
export type Row = Readonly<Record<string, unknown>>;

/** Whether a value is an object with named fields. */
export const isRow = (value: unknown): value is Row =>
  value !== null && typeof value === 'object' && !Array.isArray(value);
/** Whether a value is text. */
export const isText = (value: unknown): value is string => typeof value === 'string';
/** Whether a value is a list. */
export const isList = (value: unknown): value is readonly unknown[] => Array.isArray(value);

/** A field that must be text. */
export function textField(row: Row, name: string): string {
  const value = row[name];
  return isText(value) ? value : fail(row, name, 'text', value);
}

/** Text, or `''` where the field is absent or null. */
export function optionalText(row: Row, name: string): string {
  return row[name] === undefined || row[name] === null ? '' : textField(row, name);
}

/** A field that must be a list. */
export function listField(row: Row, name: string): readonly unknown[] {
  const value = row[name];
  return isList(value) ? value : fail(row, name, 'a list', value);
}

/** A finite number; 64-bit integers of Parquet files count as numbers, and so does text that spells one (CSV). */
export function numberOf(value: unknown, where: string): number {
  if (value === null || value === undefined || (isText(value) && value.trim() === ''))
    throw new RowProblem(`${where}: expected a number, got ${describeValue(value)}`);
  const number = typeof value === 'bigint' || isText(value) ? Number(value) : value;
  if (typeof number === 'number' && Number.isFinite(number)) return number;
  throw new RowProblem(`${where}: expected a number, got ${describeValue(value)}`);
}

function fail(row: Row, name: string, expected: string, value: unknown): never {
  if (value === undefined) {
    throw new RowProblem(
      `${name}: missing; expected ${expected}; the row has ${Object.keys(row).slice(0, 8).join(', ') || 'no fields'}`,
    );
  }
  throw new RowProblem(`${name}: expected ${expected}, got ${describeValue(value)}`);
}
