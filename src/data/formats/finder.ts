/** Finding the columns of a format in the shape of a row: what the user has named first, then the names that it knows. */
import { describeValue } from '../../core/describe-value.js';
import type { ColumnRole } from '../../config/column-roles.js';
import { columnAt } from '../columns.js';
import { isFilled, type Column, type RowShape, type ValueKind } from '../shape.js';
import type { FormatContext, Mismatch } from './format.js';

/** Takes columns out of the shape of a row, and remembers which were read and why the format does not fit. */
export interface Finder {
  /**
   * The column of a role; counted as read.
   * @param names plain names that the format knows, the likeliest first; dotted ones look into objects.
   * @param kinds what its values may be.
   */
  take(role: ColumnRole, names: readonly string[], kinds: readonly ValueKind[]): Column | undefined;
  /** As `take`; where there is none, the format does not match. */
  need(role: ColumnRole, names: readonly string[], kinds: readonly ValueKind[]): Column | undefined;
  /** A column that plays no role of its own, by its name; counted as read. */
  aside(name: string): Column | undefined;
  /** Counts a column as read in a role. */
  use(role: string, column: Column): void;
  /** Columns that are not read yet. */
  rest(): readonly Column[];
  /** Path of the column of each role that was found. */
  roles(): Record<string, string>;
  used(): Set<string>;
  /** Why the format does not match; `undefined` while it does. */
  mismatch(): Mismatch | undefined;
  refuse(reason: string): Mismatch;
}

const KIND_WORDS: Readonly<Partial<Record<ValueKind, string>>> = {
  text: 'text',
  message: 'a message',
  messages: 'a list of messages',
  texts: 'a list of texts',
  objects: 'a list of objects',
  number: 'a number',
};

/** A finder that has taken nothing. @param strict The format must be recognised: looser names do not count. */
export function createFinder(shape: RowShape, context: FormatContext, strict: boolean): Finder {
  const roles: Record<string, string> = {};
  const used = new Set<string>();
  const ordered = new Set<Column | undefined>(
    Object.values(context.columns).map((path) => (path === undefined ? undefined : columnAt(shape, path))),
  );
  const ignored = new Set<Column | undefined>(context.ignore.map((path) => columnAt(shape, path)));
  const free = (column: Column): boolean => !ordered.has(column) && !ignored.has(column) && !used.has(column.path);
  let found = 0;
  let problem: string | undefined;
  const refuse = (reason: string): Mismatch => {
    problem ??= reason;
    return { mismatch: problem, found };
  };
  const use = (role: string, column: Column): void => {
    roles[role] = column.path;
    used.add(column.path);
    found++;
  };
  const named = (role: ColumnRole, names: readonly string[]): Column | 'missing' | undefined => {
    const path = context.columns[role];
    if (path === undefined) return undefined;
    if (strict && !names.includes(role)) return 'missing';
    return columnAt(shape, path) ?? 'missing';
  };
  const take: Finder['take'] = (role, names, kinds) => {
    const order = named(role, names);
    if (order === 'missing') return undefined;
    if (order !== undefined) {
      if (strict && isFilled(order) && !kinds.includes(order.kind)) return undefined;
      use(role, order);
      return order;
    }
    const candidates = names.flatMap((name) => shape.columns.filter((column) => column.name === name && free(column)));
    const column =
      candidates.find((candidate) => kinds.includes(candidate.kind)) ??
      (strict ? candidates.find(({ kind }) => kind === 'blank') : (candidates.find(isFilled) ?? candidates[0]));
    if (column !== undefined) use(role, column);
    return column;
  };
  return {
    take,
    need(role, names, kinds) {
      const column = take(role, names, kinds);
      if (column !== undefined) return column;
      const expected = kinds.map((kind) => KIND_WORDS[kind] ?? kind).join(' or ');
      const path = context.columns[role];
      if (path !== undefined && columnAt(shape, path) === undefined) {
        refuse(`column ${JSON.stringify(path)} (for ${role}): missing`);
        return undefined;
      }
      const wrong = names
        .map((name) => shape.columns.find((other) => other.name === name))
        .find((other) => other !== undefined);
      if (wrong !== undefined) refuse(`${wrong.path}: expected ${expected}, got ${describeValue(wrong.sample)}`);
      else {
        const present = Object.keys(shape.row).slice(0, 8).join(', ') || 'no fields';
        refuse(`${names.find((name) => name !== role) ?? role}: missing; expected ${expected}; the row has ${present}`);
      }
      return undefined;
    },
    aside(name) {
      const column = shape.columns.find((other) => other.name === name);
      if (column !== undefined) used.add(column.path);
      return column;
    },
    use,
    rest: () =>
      shape.columns.filter((column) => free(column) && ![...used].some((path) => column.path.startsWith(`${path}.`))),
    roles: () => roles,
    used: () => used,
    mismatch: () => (problem === undefined ? undefined : { mismatch: problem, found }),
    refuse,
  };
}
