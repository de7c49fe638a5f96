/** Reads rows whatever their shape: how rows of one shape are read is worked out once, and then only looked up. */
import { columnAt, type ColumnMapping } from './columns.js';
import type { Row } from './fields.js';
import { isReading, type Format, type FormatContext, type Mismatch, type Reading } from './formats/index.js';
import type { PairDraft } from './make-pair.js';
import type { RowAt } from './sources/source.js';
import { RowProblem } from './row-problem.js';
import { kindOf, shapeKey, rowShapeOf, type RowShape, type ValueKind } from './shape.js';
import { createConcernCounter } from './stop-at-concerns.js';
import { unreadColumns, type Unread } from './unread.js';
import { voidCheck } from './void-marks.js';

/** How rows of one shape are read. */
export interface ShapePlan {
  readonly format: Format;
  readonly reading: Reading;
  readonly unread: Unread;
  /** Paths of columns that are there and left out as the user says. */
  readonly ignored: readonly string[];
  /** Throws RowProblem for a row that says of itself that it does not count. */
  readonly requireInUse: ((row: Row) => void) | undefined;
}

/** Reads rows one by one. */
export interface RowReader {
  /** @throws MrpoError `data` where rows that were read hold something that is not read and may change what they mean. */
  stopAtConcerns(source: string): void;
  /** @throws RowProblem */
  read(row: Row, at: RowAt): readonly PairDraft[];
  /** `undefined` where no format reads rows of this shape. */
  planOf(row: Row): ShapePlan | undefined;
}

function isAlike(row: Row, names: readonly string[], kinds: readonly ValueKind[]): boolean {
  let index = 0;
  for (const name in row) {
    if (name !== names[index] || kindOf(row[name]) !== kinds[index]) return false;
    index++;
  }
  return index === names.length;
}

/** Shapes that are remembered; of files where every row has columns of its own there is no end of them. */
const REMEMBERED = 500;

/**
 * A reader that has seen no row.
 * @param main what rows are read as if they can be.
 * @param others what a row may be read as where it is plainly not of the main format; none if the user named that.
 */
export function createRowReader(main: Format, others: readonly Format[], context: FormatContext): RowReader {
  const plans = new Map<string, ShapePlan | undefined>();
  const guesses = mostlyGuessed(main, context);
  let last:
    | { readonly names: readonly string[]; readonly kinds: readonly ValueKind[]; readonly plan: ShapePlan | undefined }
    | undefined;
  const planOf = (row: Row): ShapePlan | undefined => {
    // Nearly every row has the shape of the one before it; to see that costs less than to spell the shape out.
    if (last !== undefined && isAlike(row, last.names, last.kinds)) return last.plan;
    const key = shapeKey(row);
    if (!plans.has(key)) {
      if (plans.size >= REMEMBERED) plans.clear();
      plans.set(key, planFor(rowShapeOf(row), main, others, guesses, context));
    }
    const kinds = Object.values(row).map(kindOf);
    const plan = plans.get(key);
    // What is inside an object is part of the shape too.
    last = kinds.includes('object') ? undefined : { names: Object.keys(row), kinds, plan };
    return plan;
  };
  const concerns = createConcernCounter();
  return {
    planOf,
    stopAtConcerns: (source) => concerns.stop(source, `of ${context.tally.rows()} rows`),
    read(row, at) {
      const plan = planOf(row);
      if (plan === undefined) {
        const match = matchFormat(main, rowShapeOf(row), context, false);
        throw new RowProblem(isReading(match) ? UNLIKE : match.mismatch);
      }
      plan.requireInUse?.(row);
      const { tally } = context;
      if (plan.unread.concerns.length > 0) {
        const concern = concerns.add(row, plan.unread.concerns);
        if (concern !== undefined)
          throw new RowProblem(
            `${concern.path}: is not read and may change the meaning (${concern.flag}, or --ignore ${concern.path})`,
          );
      }
      for (const path of plan.unread.columns) tally.add('unread column', path);
      for (const path of plan.ignored) tally.add('ignored column', path);
      const drafts = plan.reading.read(row, at);
      tally.add('format', plan.format.name);
      return drafts;
    },
  };
}

const UNLIKE = 'chosen, rejected: texts without a prompt, among rows that are no such texts';

/** Whether most of the first rows of the main format can only be read by a guess; then the others are read by it too. */
function mostlyGuessed(main: Format, context: FormatContext): boolean {
  const readings = context.sample
    .map((row) => matchFormat(main, rowShapeOf(row), context, !context.named))
    .filter(isReading);
  return readings.filter(({ guesses }) => guesses === true).length * 2 > readings.length;
}

function planFor(
  shape: RowShape,
  main: Format,
  others: readonly Format[],
  guesses: boolean,
  context: FormatContext,
): ShapePlan | undefined {
  const own = matchFormat(main, shape, context, !context.named);
  if (isReading(own) && (own.guesses !== true || guesses)) return plan(main, own, shape, context);
  for (const format of others) {
    if (format === main || format.gathers === true) continue;
    const match = matchFormat(format, shape, context, true);
    if (isReading(match) && match.guesses !== true) return plan(format, match, shape, context);
  }
  const anyhow = matchFormat(main, shape, context, false);
  return isReading(anyhow) && (anyhow.guesses !== true || guesses) ? plan(main, anyhow, shape, context) : undefined;
}

function plan(format: Format, reading: Reading, shape: RowShape, context: FormatContext): ShapePlan {
  const ignored = context.ignore.flatMap((path) => columnAt(shape, path)?.path ?? []);
  return {
    format,
    reading,
    ignored,
    unread: unreadColumns(shape, reading, context.columns, new Set(ignored)),
    requireInUse: voidCheck(shape, reading.used, ignored),
  };
}

/** A match that uses every column that the user has named. */
export function matchFormat(
  format: Format,
  shape: RowShape,
  context: FormatContext,
  strict: boolean,
): Reading | Mismatch {
  const match = format.match(shape, context, strict);
  if (!isReading(match)) return match;
  const unused = unusedRole(shape, match, context.columns);
  return unused === undefined
    ? match
    : { mismatch: `columns.${unused}: rows of format ${format.name} have no such column`, found: 0 };
}

const unusedRole = (shape: RowShape, { roles }: Reading, columns: ColumnMapping): string | undefined =>
  Object.entries(columns).find(
    ([role, path]) => path !== undefined && roles[role] === undefined && columnAt(shape, path) !== undefined,
  )?.[0];
