/** Two answers of which a verdict or two scores name the better one. */
import type { Row } from '../fields.js';
import { RowProblem } from '../row-problem.js';
import type { Decide } from './decide.js';
import type { Finder } from './finder.js';
import type { FormatContext, Reading } from './format.js';
import { createPairReader } from './pair-columns.js';
import type { Column } from '../shape.js';
import type { PromptColumns } from './prompt-parts.js';

/** The columns of a format with two answers, of which neither is named the better one. */
export interface AbColumns extends PromptColumns {
  readonly a: Column;
  readonly b: Column;
}

/** Reads a row as a pair: `decide` says which answer is chosen. A tie is a {@link RowProblem}. */
export function abReading(finder: Finder, columns: AbColumns, decide: Decide, context: FormatContext): Reading {
  const manner = { plain: false };
  const first = createPairReader({ ...columns, chosen: columns.a, rejected: columns.b }, context, manner);
  const second = createPairReader({ ...columns, chosen: columns.b, rejected: columns.a }, context, manner);
  return {
    roles: finder.roles(),
    used: finder.used(),
    read(row: Row) {
      const { side, why } = decide(row);
      if (side === 'tie') throw new RowProblem(`tie: ${why}`);
      return (side === 'a' ? first : second)(row).map((draft) => ({ ...draft, decided: why }));
    },
  };
}
