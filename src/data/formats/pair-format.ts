/** Declares a format whose rows hold a prompt, a good and a bad answer in columns of known names. */
import type { Row } from '../fields.js';
import type { Column, RowShape, ValueKind } from '../shape.js';
import { createFinder } from './finder.js';
import type { Format } from './format.js';
import { pairReading, type PairManner } from './pair-columns.js';
import { takePromptParts } from './prompt-parts.js';

/** What tells a format of pairs from others. Column names are in plain letters (see {@link plainName}). */
export interface PairDeclaration {
  readonly name: string;
  readonly summary: string;
  readonly sources: string;
  readonly examples: readonly Row[];
  readonly flags?: string;
  /** Names and kinds of the columns; without `prompt` it is inside the answers. Absent = not part of the format. */
  readonly prompt?: ColumnSpec;
  readonly chosen: ColumnSpec;
  readonly rejected: ColumnSpec;
  readonly manner?: Partial<PairManner>;
  /** A further condition on the shape, in words where it does not hold. */
  refuses?(shape: RowShape, found: FoundColumns): string | undefined;
  /** A sentence for the user about files of this format. */
  note?(shape: RowShape): string | undefined;
  /** Columns that are known to say nothing about the pair, by their plain names. */
  readonly asides?: readonly string[];
}

/** Which columns count: by name, the likeliest first, and by what they hold. */
export interface ColumnSpec {
  readonly names: readonly string[];
  readonly kinds: readonly ValueKind[];
}

/** The columns that were found in a shape. */
export interface FoundColumns {
  readonly prompt: Column | undefined;
  readonly chosen: Column;
  readonly rejected: Column;
}

/** The format of a declaration. */
export function pairFormat(declared: PairDeclaration): Format {
  const { name, summary, sources, examples, prompt, chosen, rejected } = declared;
  return {
    name,
    summary,
    sources,
    examples,
    ...(declared.flags !== undefined && { flags: declared.flags }),
    match(shape, context, strict) {
      const finder = createFinder(shape, context, strict);
      const asked = prompt === undefined ? undefined : finder.need('prompt', prompt.names, prompt.kinds);
      const [good, bad] = [
        finder.need('chosen', chosen.names, chosen.kinds),
        finder.need('rejected', rejected.names, rejected.kinds),
      ];
      const mismatch = finder.mismatch();
      if (mismatch !== undefined || good === undefined || bad === undefined) return mismatch ?? finder.refuse('');
      const refusal = strict ? declared.refuses?.(shape, { prompt: asked, chosen: good, rejected: bad }) : undefined;
      if (refusal !== undefined) return finder.refuse(refusal);
      const parts = takePromptParts(finder, asked, context);
      for (const aside of declared.asides ?? []) finder.aside(aside);
      const manner: PairManner = {
        plain: false,
        promptKinds: prompt?.kinds,
        answerKinds: chosen.kinds,
        ...declared.manner,
      };
      const reading = pairReading(finder, { ...parts, chosen: good, rejected: bad }, context, manner);
      return { ...reading, note: declared.note?.(shape) };
    },
  };
}
