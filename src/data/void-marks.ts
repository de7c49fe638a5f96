/** Marks by which a row says of itself that it does not count: a tie, deleted, discarded by its annotator, not valid. */
import { isText, type Row } from './fields.js';
import { RowProblem } from './row-problem.js';
import { columnReader, type Column, type RowShape } from './shape.js';

const TIES = new Set(['tie', 'is_tie', 'both_bad', 'is_both_bad', 'bothbad', 'both_good', 'is_both_good']);
const GONE = new Set(['deleted', 'discarded', 'invalid', 'excluded'].flatMap((name) => [name, `is_${name}`]));
const COUNTS = new Set(['valid', 'is_valid']);
const STATUSES = new Set(['deleted', 'discarded', 'invalid', 'excluded']);

/** Whether a message or row with this key and value is out of use. */
export function isVoid(name: string, value: unknown): boolean {
  if (TIES.has(name) || GONE.has(name)) return saysYes(name, value);
  if (COUNTS.has(name)) return value === false || (isText(value) && /^(?:false|no)$/i.test(value.trim()));
  return name === 'status' && isText(value) && STATUSES.has(value.trim().toLowerCase());
}

/** A number under `tie` may count the votes for it; under `is_tie` it is a yes or a no. */
const saysYes = (name: string, value: unknown): boolean =>
  value === true ||
  (isText(value) && /^(?:true|yes)$/i.test(value.trim())) ||
  (name.startsWith('is_') && (value === 1 || value === 1n || value === '1'));

const isMark = ({ name, keys }: Column): boolean =>
  keys.length === 1 && (TIES.has(name) || GONE.has(name) || COUNTS.has(name) || name === 'status');

/**
 * The check of rows of a shape; `undefined` where they have no such mark.
 * @param used paths that a format reads by itself. @param ignored paths that the user wants to be left out.
 * @returns throws RowProblem for a row that does not count.
 */
export function voidCheck(
  shape: RowShape,
  used: ReadonlySet<string>,
  ignored: readonly string[],
): ((row: Row) => void) | undefined {
  const marks = shape.columns
    .filter((column) => isMark(column) && !used.has(column.path) && !ignored.includes(column.path))
    .map(({ path, name, keys }) => ({ path, name, at: columnReader(keys) }));
  if (marks.length === 0) return undefined;
  return (row) => {
    for (const { path, name, at } of marks) {
      const value = at(row);
      if (!isVoid(name, value)) continue;
      const kind = TIES.has(name) ? 'tie' : 'out of use';
      throw new RowProblem(`${kind}: ${path} is ${String(value)}; if the row counts, leave it out (--ignore ${path})`);
    }
  };
}
