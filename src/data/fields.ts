/** Values of rows of unknown shape; what does not fit is a {@link RowProblem} that says got and expected. */
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

/** A finite number; 64-bit integers of Parquet files count as numbers, and so does text that spells one (CSV). */
export function numberOf(value: unknown, where: string): number {
  if (value === null || value === undefined || (isText(value) && value.trim() === ''))
    throw new RowProblem(`${where}: expected a number, got ${describeValue(value)}`);
  const number = typeof value === 'bigint' || isText(value) ? Number(value) : value;
  if (typeof number === 'number' && Number.isFinite(number)) return number;
  throw new RowProblem(`${where}: expected a number, got ${describeValue(value)}`);
}
