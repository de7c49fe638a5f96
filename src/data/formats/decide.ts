/** How the better of two answers is found: by a verdict, by two scores, or by both, which then have to agree. */
import { describeValue } from '../../core/describe-value.js';
import type { Row } from '../fields.js';
import { RowProblem } from '../row-problem.js';
import { columnReader, type Column } from '../shape.js';
import { directionOf, isRank } from '../verdict/direction.js';
import { isNumeric } from '../verdict/goodness.js';
import { createVerdictReader, flip, type Candidates, type Winner, type VerdictReader } from '../verdict/sides.js';
import { pointsAt } from '../verdict/words.js';
import type { FormatContext } from './format.js';

/** Which answer a row prefers. */
export interface Decision {
  readonly side: Winner;
  /** What decided, in words. */
  readonly why: string;
}

/** Finds the better of a row's two answers. @throws RowProblem where the row does not say, or contradicts itself. */
export type Decide = (row: Row) => Decision;

/** What the values of a verdict mean in a format, or why they could mean either. */
export type FormatReader = (column: string, samples: readonly unknown[]) => VerdictReader | string;

/** The format knows what its own verdict means; a column that the user named instead may name the worse answer. */
function pointed(column: string, read: VerdictReader | string): VerdictReader | string {
  if (typeof read === 'string') return read;
  const points = pointsAt(column);
  if (points === 'unclear') return `${column}: nothing says whether it names the better or the worse answer`;
  return points === 'better' ? read : (value, row) => flip(read(value, row));
}

/** By a column whose values mean something by themselves, or as the user or the format says. */
export function decideByVerdict(
  column: Column,
  candidates: Candidates,
  context: FormatContext,
  reader?: FormatReader,
): Decide | string {
  const at = columnReader(column.keys);
  const samples = context.sample.map((row) => at(row));
  const read =
    context.verdict === undefined && reader !== undefined
      ? pointed(column.path, reader(column.path, samples))
      : createVerdictReader(column.path, candidates, samples, context.verdict);
  if (typeof read === 'string') return read;
  return (row) => {
    const value = at(row);
    return {
      side: read(value, row),
      why: `${column.path}: ${describeValue(value).replace(/^(?:text|number|boolean) /, '')}`,
    };
  };
}

/** By two numbers. @returns why they cannot decide, where it is not known whether more is better. */
export function decideByScores(a: Column, b: Column, context: FormatContext): Decide | string {
  const lower =
    context.lowerIsBetter ??
    (isRank(a.name) ? true : { higher: false, lower: undefined, unknown: undefined }[directionOf(a.name)]);
  if (lower === undefined)
    return `${a.path} and ${b.path} score the answers, and nothing says whether more is better; say so (--lower-is-better or --higher-is-better)`;
  const [atA, atB] = [columnReader(a.keys), columnReader(b.keys)];
  return (row) => {
    const [x, y] = [atA(row), atB(row)];
    for (const [column, value] of [
      [a, x],
      [b, y],
    ] as const) {
      if (!isNumeric(value)) throw new RowProblem(`${column.path}: expected a number, got ${describeValue(value)}`);
    }
    const difference = (lower ? -1 : 1) * (Number(x) - Number(y));
    const side = difference === 0 ? 'tie' : difference > 0 ? 'a' : 'b';
    return { side, why: `${a.path} ${Number(x)}, ${b.path} ${Number(y)}` };
  };
}

/** Both: the verdict decides, and a row where the scores say the opposite is left out. */
export const decideByBoth =
  (verdict: Decide, scores: Decide): Decide =>
  (row) => {
    const [first, second] = [verdict(row), decisionOrNone(scores, row)];
    if (second === undefined || first.side === second.side || second.side === 'tie') return first;
    if (first.side === 'tie') return first;
    throw new RowProblem(`contradiction: ${first.why}, but ${second.why}`);
  };

function decisionOrNone(decide: Decide, row: Row): Decision | undefined {
  try {
    return decide(row);
  } catch (error) {
    if (error instanceof RowProblem) return undefined;
    throw error;
  }
}

/** Exactly one of three columns is 1, as Kaggle's data has it. */
export function decideByMarks(marks: Readonly<Record<Winner, Column>>): Decide {
  const at = (['a', 'b', 'tie'] as const).map(
    (side) => [side, marks[side].path, columnReader(marks[side].keys)] as const,
  );
  return (row) => {
    const set = at.filter(([, , value]) => [1, 1n, '1', true, 'true'].includes(value(row) as number));
    const [only] = set;
    if (only === undefined || set.length > 1)
      throw new RowProblem(
        `${at.map(([, path]) => path).join(', ')}: expected a 1 in exactly one of them, got ${set.length}`,
      );
    return { side: only[0], why: `${only[1]}: 1` };
  };
}
