/** What to try with rows of no known format. An option that could swap good and bad is never spelt out. */
import { isRow } from './fields.js';
import { isReading, type Format, type FormatContext } from './formats/index.js';
import { answerPairs } from './formats/any-ab.js';
import { qualityOf } from './formats/vocabulary.js';
import { isWordy, type RowShape } from './shape.js';
import { describesRow } from './formats/other-texts.js';

export function waysThrough(shape: RowShape, formats: readonly Format[], context: FormatContext): string {
  return [
    ...index(shape),
    ...answers(shape),
    ...closest(shape, formats, context),
    'Formats: mrpo data --list-formats; why none fits: --explain.',
  ].join(' ');
}

/** LLaMA-Factory's list of data sets is no data set. */
function index({ row }: RowShape): string[] {
  const entries = Object.entries(row).filter(
    ([, value]) => isRow(value) && ('file_name' in value || 'hf_hub_url' in value),
  );
  return entries
    .slice(0, 3)
    .map(
      ([name, value]) =>
        `${name} is an entry of a dataset_info.json, not rows: ${commandOf(value as Record<string, unknown>)}.`,
    );
}

/** Names of columns in dataset_info.json and the roles that they are here. */
const LLAMA_FACTORY: Readonly<Record<string, string>> = {
  prompt: 'prompt',
  query: 'input',
  system: 'system',
  history: 'history',
  chosen: 'chosen',
  rejected: 'rejected',
  messages: 'prompt',
  tools: 'tools',
};

export function commandOf(entry: Readonly<Record<string, unknown>>): string {
  const columns = isRow(entry['columns']) ? Object.entries(entry['columns']) : [];
  const mapped = columns.flatMap(([role, column]) =>
    LLAMA_FACTORY[role] === undefined ? [] : [`${LLAMA_FACTORY[role]}=${String(column)}`],
  );
  const file = typeof entry['file_name'] === 'string' ? entry['file_name'] : `hub:${String(entry['hf_hub_url'])}`;
  return `try ${file}${mapped.length === 0 ? '' : ` with --columns ${mapped.join(',')}`}`;
}

function answers(shape: RowShape): string[] {
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
  if (pair !== undefined)
    return [
      `${pair.a.path} and ${pair.b.path} look like two answers, and nothing says which is better: name the column that does (--columns a=${pair.a.path},b=${pair.b.path},verdict=...,${asked}), or which of them always is (chosen=... and rejected=...).`,
    ];
  if (texts.length >= 3)
    return [
      `Name the columns: --columns prompt=...,chosen=...,rejected=... of ${texts
        .slice(0, 8)
        .map(({ path }) => path)
        .join(', ')}.`,
    ];
  if (texts.length === 2)
    return [
      `Two texts and nothing that says how good the second is: unpaired rows need a label or a score (--columns prompt=...,answer=... --score NAME).`,
    ];
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
