/** Why the rows of a file are read as they are: what each column was taken for, and why every other format was not. */
import { FORMATS, isReading } from './formats/index.js';
import { openReading } from './open-reading.js';
import type { ReadOptions } from './read-options.js';
import { shapesOf } from './shapes-of.js';
import { matchFormat } from './row-reader.js';
import type { ValueKind } from './shape.js';
import { unreadColumns } from './unread.js';
import { waysThrough } from './ways-through.js';

/** What `mrpo data --explain` shows. */
export interface FormatExplanation {
  /** Rows that were looked at: the first of the file. */
  readonly rows: number;
  /** Rows with the same columns, the most frequent first. */
  readonly shapes: readonly ShapeExplanation[];
}

/** How rows with one set of columns are read. */
export interface ShapeExplanation {
  /** Number of such rows among those that were looked at. */
  readonly rows: number;
  /** The format that reads them; `undefined` where none does. */
  readonly format: string | undefined;
  readonly columns: readonly ColumnExplanation[];
  /** Formats that would read them too, but come later, as more general ones do. */
  readonly also: readonly string[];
  /** Formats that do not fit, those that come closest first. */
  readonly others: readonly { readonly format: string; readonly why: string }[];
  /** What to try where no format fits. */
  readonly hint: string | undefined;
}

/** What one column was taken for. */
export interface ColumnExplanation {
  /** Dotted path of the column, as the file spells it. */
  readonly path: string;
  readonly kind: ValueKind;
  /** What it is read as; `undefined` where nothing reads it. */
  readonly role: string | undefined;
  /** It is not read and may change what the pair means. */
  readonly stops: boolean;
}

/** Looks at the first rows only. @throws MrpoError `data` if the file cannot be read. */
export async function explainFormat(source: string, options: ReadOptions = {}): Promise<FormatExplanation> {
  const { sample, context, close } = await openReading(source, options);
  await close();
  const wanted = options.format ?? 'auto';
  const formats = wanted === 'auto' ? FORMATS : FORMATS.filter(({ name }) => name === wanted);
  return {
    rows: sample.length,
    shapes: shapesOf(sample).map(({ shape, rows }): ShapeExplanation => {
      const matches = formats.map((format) => ({ format, match: matchFormat(format, shape, context, !context.named) }));
      const fitting = matches.flatMap(({ format, match }) => (isReading(match) ? [{ format, match }] : []));
      const [best] = fitting;
      const unread = best && unreadColumns(shape, best.match, context.columns, new Set(context.ignore));
      const roleOf = new Map(Object.entries(best?.match.roles ?? {}).map(([role, path]) => [path, role]));
      return {
        rows,
        format: best?.format.name,
        columns: shape.columns.map(({ path, kind }) => ({
          path,
          kind,
          role:
            roleOf.get(path) ?? (best?.match.used.has(path) === true ? 'known, says nothing of the pair' : undefined),
          stops: unread?.concerns.some((concern) => concern.path === path && !concern.isExcused(shape.row)) ?? false,
        })),
        also: fitting.slice(1).map(({ format }) => format.name),
        others: matches
          .flatMap(({ format, match }) =>
            isReading(match) ? [] : [{ format: format.name, why: match.mismatch, found: match.found }],
          )
          .sort((a, b) => b.found - a.found)
          .map(({ format, why }) => ({ format, why })),
        hint: best === undefined ? waysThrough(shape, FORMATS, context) : undefined,
      };
    }),
  };
}
