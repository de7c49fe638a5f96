/** Declares a format of two answers and a verdict in columns of known names. */
import type { Row } from '../fields.js';
import type { Column, RowShape, ValueKind } from '../shape.js';
import type { Candidates } from '../verdict/sides.js';
import { abReading } from './ab-columns.js';
import { decideByBoth, decideByScores, decideByVerdict, type Decide, type FormatReader } from './decide.js';
import { createFinder } from './finder.js';
import type { Format, FormatContext } from './format.js';
import type { ColumnSpec } from './pair-format.js';
import { takePromptParts } from './prompt-parts.js';

const SCALAR: readonly ValueKind[] = ['text', 'number', 'boolean'];

/** What tells a format of two answers from others. Column names are in plain letters (see {@link plainName}). */
export interface AbDeclaration {
  readonly name: string;
  readonly summary: string;
  readonly sources: string;
  readonly examples: readonly Row[];
  readonly flags?: string;
  /** Absent: the answers are whole conversations. */
  readonly prompt?: ColumnSpec;
  readonly a: string;
  readonly b: string;
  readonly kinds: readonly ValueKind[];
  readonly markers?: readonly [string, string];
  readonly verdict?: string;
  /** What the verdict's values mean, where they do not say it by themselves. */
  readonly reader?: FormatReader;
  /** Names of the models, which a verdict may hold. */
  readonly models?: readonly [string, string];
  /** Two scores, more is better: they decide where there is no verdict, and have to agree where there is one. */
  readonly scores?: readonly [string, string];
  /** Columns that are known to say nothing more about the pair. */
  readonly asides?: readonly string[];
  /** Columns without which it is some other format. */
  readonly marks?: readonly string[];
  readonly note?: string;
}

/** The format of a declaration. Unless it must be recognised (`strict`), columns called a and b do too. */
export function abFormat(declared: AbDeclaration): Format {
  const { name, summary, sources, examples } = declared;
  return {
    name,
    summary,
    sources,
    examples,
    ...(declared.flags !== undefined && { flags: declared.flags }),
    match(shape, context, strict) {
      const finder = createFinder(shape, context, strict);
      const missing = (declared.marks ?? []).find((mark) => !shape.columns.some((column) => column.name === mark));
      const a = finder.need('a', [declared.a, ...(strict ? [] : ['a'])], declared.kinds);
      const b = finder.need('b', [declared.b, ...(strict ? [] : ['b'])], declared.kinds);
      const asked =
        declared.prompt === undefined
          ? finder.take('prompt', ['prompt'], ['text', 'messages'])
          : finder.need('prompt', ['prompt', ...declared.prompt.names], declared.prompt.kinds);
      const verdict =
        declared.verdict === undefined ? undefined : finder.need('verdict', ['verdict', declared.verdict], SCALAR);
      if (missing !== undefined) finder.refuse(`${missing}: missing`);
      if (finder.mismatch() !== undefined || a === undefined || b === undefined)
        return finder.mismatch() ?? finder.refuse('');
      const decide = decision(declared, { a, b, verdict }, shape, context, finder);
      if (typeof decide === 'string') return finder.refuse(decide);
      const parts = takePromptParts(finder, asked, context);
      for (const aside of declared.asides ?? []) finder.aside(aside);
      return { ...abReading(finder, { ...parts, a, b }, decide, context), note: declared.note };
    },
  };
}

function decision(
  declared: AbDeclaration,
  { a, b, verdict }: { readonly a: Column; readonly b: Column; readonly verdict: Column | undefined },
  shape: RowShape,
  context: FormatContext,
  finder: ReturnType<typeof createFinder>,
): Decide | string {
  const [scoreA, scoreB] = (declared.scores ?? []).map((score) => finder.aside(score));
  const scores =
    scoreA === undefined || scoreB === undefined
      ? undefined
      : decideByScores(scoreA, scoreB, { ...context, lowerIsBetter: context.lowerIsBetter ?? false });
  if (verdict === undefined) return scores ?? 'no verdict and no scores';
  for (const model of declared.models ?? []) finder.aside(model);
  const candidates: Candidates = {
    a: a.path,
    b: b.path,
    markers: declared.markers,
    ...(declared.models !== undefined && { names: [namesIn(shape, declared.models)] }),
  };
  const byVerdict = decideByVerdict(verdict, candidates, context, declared.reader);
  if (typeof byVerdict === 'string' || scores === undefined || typeof scores === 'string') return byVerdict;
  return decideByBoth(byVerdict, scores);
}

/** The values of two columns, by their plain names. */
function namesIn(shape: RowShape, names: readonly [string, string]): (row: Row) => readonly [unknown, unknown] {
  const [a, b] = names.map((name) => shape.columns.find((column) => column.name === name)?.path ?? name);
  return (row) => [row[a ?? ''], row[b ?? '']];
}
