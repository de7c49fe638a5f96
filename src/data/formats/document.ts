/** The formats as documents show them: the list of `mrpo data --list-formats`, and the table of docs/data.md. */
import { COLUMN_ROLES } from '../../config/column-roles.js';
import { largest } from '../../core/extremes.js';
import { FORMATS, type Format } from './index.js';

/** One line per format. */
export function formatList(): string {
  const width = largest(FORMATS.map(({ name }) => name.length));
  return FORMATS.map(({ name, summary }) => `${name.padEnd(width)}  ${summary}\n`).join('');
}

/** What everything from here on in docs/data.md is made by. */
export const GENERATED_MARK = '<!-- From here on written by `npm run generate` out of src/data/formats. -->';

/** Markdown of every format, and of what a column can be. */
export const formatDocument = (): string =>
  [
    GENERATED_MARK,
    '',
    '## What a column can be',
    '',
    '| role | what it holds |',
    '|---|---|',
    ...Object.entries(COLUMN_ROLES).map(([role, what]) => `| \`${role}\` | ${what} |`),
    '',
    `## The ${FORMATS.length} formats`,
    '',
    'The first that fits reads the rows, so the more particular ones come first. Examples are three rows of a file.',
    '',
    '| format | rows, and three of them | options | used by |',
    '|---|---|---|---|',
    ...FORMATS.map(formatRow),
    '',
  ].join('\n');

function formatRow({ name, summary, examples, flags, sources }: Format): string {
  const rows = examples.map((row) => code(JSON.stringify(row)));
  return `| \`${name}\` | ${[code(summary), ...rows].join('<br>')} | ${flags === undefined ? '' : escaped(flags)} | ${escaped(sources)} |`;
}

const code = (text: string): string => `\`${escaped(text)}\``;
const escaped = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', '\\n');
