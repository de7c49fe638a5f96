/** What to try with rows of no known format. An option that could swap good and bad is never spelt out. */
import { isReading, type Format, type FormatContext } from './formats/index.js';
import { scoredAnswer } from './formats/answers.js';
import { answerPairs, anyAb } from './formats/any-ab.js';
import { qualityOf } from './formats/vocabulary.js';
import { isWordy, type RowShape } from './shape.js';
import { describesRow } from './formats/other-texts.js';

/** Sentences with the options that may help, for the hint of an error. */
export function waysThrough(shape: RowShape, formats: readonly Format[], context: FormatContext): string {
  return [
    ...answers(shape, context),
    ...closest(shape, formats, context),
    'Formats: mrpo data --list-formats; why none fits: --explain.',
  ].join(' ');
}

function answers(shape: RowShape, context: FormatContext): string[] {
  const texts = shape.columns.filter((column) => isWordy(column) && column.keys.length <= 2);
  const good = texts.find(({ path, keys }) => keys.length === 1 && qualityOf(path) === 'good');
  const bad = texts.find(({ path, keys }) => keys.length === 1 && qualityOf(path) === 'bad');
  const [pair] = answerPairs(shape);
  const others = texts.filter(
    (column) => ![good, bad, pair?.a, pair?.b].includes(column) && !describesRow(column.path),
  );
  // Of several texts only the user knows which is asked, and what the others are to it.
  const [only] = others;
  const asked =
    only !== undefined && others.length === 1
      ? `prompt=${only.path}`
      : `prompt=...${others.length === 0 ? '' : ` of ${others.map(({ path }) => path).join(', ')} (system=, history= and input= are there too)`}`;
  if (good !== undefined && bad !== undefined)
    return [`Try --columns chosen=${good.path},rejected=${bad.path},${asked}.`];
  if (pair !== undefined) {
    // What stands in the way of two answers: nothing that decides, or something that could mean either.
    const match = anyAb.match(shape, context, true);
    const why = isReading(match) ? '' : `${match.mismatch}. `;
    return [
      `${pair.a.path} and ${pair.b.path} look like two answers. ${why}Name what decides (--columns a=${pair.a.path},b=${pair.b.path},verdict=...,${asked}), or which of them always is the better one (chosen=... and rejected=...).`,
    ];
  }
  if (texts.length >= 3)
    return [
      `Name the columns: --columns prompt=...,chosen=...,rejected=... of ${texts
        .slice(0, 8)
        .map(({ path }) => path)
        .join(', ')}.`,
    ];
  if (texts.length === 2) {
    const match = scoredAnswer.match(shape, context, true);
    const why = isReading(match) ? '' : ` ${match.mismatch}.`;
    return [
      `Two texts and nothing that says how good the second is:${why} Unpaired rows need a label or a score (--columns prompt=...,answer=... --score NAME).`,
    ];
  }
  return [];
}

/** The format whose columns are there the most, and what it misses. */
function closest(shape: RowShape, formats: readonly Format[], context: FormatContext): string[] {
  const near = formats.flatMap((format) => {
    const match = format.match(shape, context, true);
    return isReading(match) || match.found === 0 ? [] : [{ name: format.name, ...match }];
  });
  const [best] = near.sort((a, b) => b.found - a.found);
  return best === undefined ? [] : [`Closest is ${best.name}, but ${best.mismatch}.`];
}
