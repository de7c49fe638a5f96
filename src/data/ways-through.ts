/** What to try with rows of no known format. An option that could swap good and bad is never spelt out. */
import { isReading, type Format, type FormatContext } from './formats/index.js';
import { scoredAnswer } from './formats/answers.js';
import { answerPairs, anyAb } from './formats/any-ab.js';
import { qualityOf } from './formats/vocabulary.js';
import { isWordy, type RowShape } from './shape.js';
import { describesRow } from './formats/other-texts.js';
import { shapesOf } from './shapes-of.js';

/** For rows that a format has the columns of, and yet none of them gives a pair. */
export function waysThroughFormat(format: Format, context: FormatContext): string {
  const [most] = shapesOf(context.sample);
  const match = most === undefined ? undefined : format.match(most.shape, context, false);
  const isPair = match === undefined || !isReading(match) || match.roles['chosen'] !== undefined;
  const ways = most === undefined || isPair || format.gathers === true ? [] : answers(most.shape, context);
  return [
    `They were read as ${format.name}${context.named ? '' : ', whose columns they have'}.`,
    ...ways,
    'Formats: mrpo data --list-formats; why this one: --explain.',
  ].join(' ');
}

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
  const good = texts.find(({ keys }) => qualityOf(keys.at(-1) ?? '') === 'good');
  const bad = texts.find(({ keys }) => qualityOf(keys.at(-1) ?? '') === 'bad');
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
    if (isReading(match) && match.roles['verdict'] !== undefined)
      return [
        `Say what the values of ${match.roles['verdict']} mean: --verdict VALUE=a,VALUE=b (a is ${pair.a.path}, b is ${pair.b.path}).`,
      ];
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
    if (isReading(match)) return [];
    const numbers = shape.columns.filter(
      ({ kind, path, keys }) => (kind === 'number' || kind === 'boolean') && keys.length === 1 && !describesRow(path),
    );
    const names = numbers.length === 0 ? 'NAME' : numbers.map(({ path }) => path).join(' or ');
    return [
      `Two texts and nothing that says how good the second is: ${match.mismatch}. Unpaired rows need a label or a score (--columns prompt=...,answer=... --score ${names}, with --lower-is-better if less or false is better).`,
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
