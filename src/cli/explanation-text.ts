/** Why a file is read as it is, as text for a terminal. */
import { largest } from '../core/extremes.js';
import type { FormatExplanation, ShapeExplanation } from '../data/explain-format.js';

/** Formats that do not fit, of which as many are named; `--json` has all. */
const SHOWN = 6;

/** One block for each set of columns among the first rows. @param source As the user named the file. */
export function explanationText(source: string, { rows, shapes }: FormatExplanation): string {
  return [
    `${source}: the first ${rows} row${rows === 1 ? '' : 's'}, ${shapes.length === 1 ? 'all with the same columns' : `with ${shapes.length} different sets of columns`}`,
    ...shapes.flatMap((shape) => ['', ...shapeLines(shape)]),
    '',
  ].join('\n');
}

function shapeLines({ rows, format, columns, also, others, hint }: ShapeExplanation): string[] {
  const width = largest(columns.map(({ path }) => path.length));
  return [
    `${rows} row${rows === 1 ? '' : 's'}: ${format === undefined ? 'no format fits' : `read as ${format}`}`,
    ...columns.map(({ path, kind, role, stops }) => {
      const read = role ?? (stops ? 'NOT READ, and may change the meaning: name its role, or ignore it' : 'not read');
      return `  ${path.padEnd(width)}  ${kind.padEnd(13)}  ${read}`;
    }),
    ...(also.length === 0 ? [] : [`  would also fit: ${also.join(', ')}`]),
    ...(others.length === 0
      ? []
      : ['  does not fit:', ...others.slice(0, SHOWN).map((other) => `    ${other.format}: ${other.why}`)]),
    ...(others.length > SHOWN ? [`    ... ${others.length - SHOWN} more (--json)`] : []),
    ...(hint === undefined ? [] : [`  ${hint}`]),
  ];
}
