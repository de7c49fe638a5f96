/** A data summary as text for a terminal. */
import { largest } from '../core/extremes.js';
import type { RowFacts } from '../backend/backend.js';
import { reasonText, wayThrough } from '../backend/unusable.js';
import type { ChatMessage, PreferencePair } from '../data/index.js';
import { extraText } from '../data/pair.js';
import type { Quantiles } from '../data/quantiles.js';
import type { DataSummary } from '../data/summarise.js';
import { sideBySide } from './side-by-side.js';
import type { TokenView } from './token-view.js';

/** Longest sample text shown; the middle of a longer one is left out. */
const SAMPLE_CHARACTERS = 700;

/**
 * What `mrpo data` prints: counts, lengths, samples and dropped rows.
 * @param dropLimit rows shown of those that were dropped.
 */
export function dataReport(
  summary: DataSummary,
  view: TokenView | undefined,
  samples: number,
  dropLimit: number,
): string {
  return [
    ...overview(summary),
    ...(summary.counts.pairs === 0 ? [] : ['', ...lengthTable(summary, view), '', ...lengthBias(summary)]),
    ...(view === undefined ? [] : tokenNotes(view)),
    ...summary.first.slice(0, samples).flatMap((pair, index) => ['', ...sampleLines(pair, index, summary.place, view)]),
    ...(summary.dropped.length === 0 ? [] : ['', ...droppedLines(summary, dropLimit)]),
    '',
  ].join('\n');
}

function overview({ source, kind, format, counts, duplicates, contradictions, notes }: DataSummary): string[] {
  const extras = [
    plural(counts.prompts, 'prompt'),
    plural(duplicates, 'duplicate'),
    plural(contradictions, 'contradiction'),
  ];
  return [
    `${source}: ${kind}, rows of format ${format}`,
    `  ${plural(counts.rows, 'row')}: ${plural(counts.pairs, 'pair')}, ${counts.dropped} dropped; ${extras.join(', ')}`,
    ...notes.map((note) => `  note: ${note}`),
  ];
}

const COLUMNS: readonly (readonly [keyof Quantiles, string])[] = [
  ['min', 'min'],
  ['p10', '10%'],
  ['median', 'median'],
  ['p90', '90%'],
  ['p99', '99%'],
  ['max', 'max'],
];

function lengthTable({ lengths }: DataSummary, view: TokenView | undefined): string[] {
  const row = (label: string, unit: string, quantiles: Quantiles): string[] => [
    label,
    unit,
    ...COLUMNS.map(([key]) => String(quantiles[key])),
  ];
  const rows = (['prompt', 'chosen', 'rejected'] as const).flatMap((part) => [
    row(part, 'characters', lengths[part].characters),
    row('', 'bytes', lengths[part].bytes),
    ...(view === undefined ? [] : [row('', 'tokens', view.tokens[part])]),
  ]);
  return table([['length', '', ...COLUMNS.map(([, title]) => title)], ...rows]);
}

function lengthBias({ chosenLonger, equallyLong, counts }: DataSummary): string[] {
  const equal = equallyLong === 0 ? '' : `, as long in ${percent(equallyLong)}`;
  const shorter = 1 - chosenLonger - equallyLong;
  const warning =
    counts.pairs >= ENOUGH_PAIRS && shorter > NEARLY_ALL
      ? [
          `warning: chosen is the shorter one in ${percent(shorter)} of the pairs; see below whether good and bad are swapped`,
        ]
      : [];
  return [`chosen is longer than rejected in ${percent(chosenLonger)} of the pairs${equal}`, ...warning];
}

/** People and judges prefer the longer answer more often than not: a set that never does is likely the wrong way round. */
const NEARLY_ALL = 0.95;
const ENOUGH_PAIRS = 20;

function tokenNotes({ model, rule, pairs, truncated, boundarySplit, unusable, leftOut }: TokenView): string[] {
  const reasons = Object.entries(unusable).map(([reason, count]) => `${count} ${reasonText(reason)}`);
  const way = wayThrough(Object.entries(unusable));
  return [
    `tokens of ${model}, first ${plural(pairs, 'pair')}, template ${rule.template}, at most ${rule.maxLength} tokens (${rule.truncation}):`,
    `  ${plural(truncated, 'pair')} cut; cannot be used: ${reasons.join(', ') || 'none'}` +
      (boundarySplit === 0
        ? ''
        : `; ${plural(boundarySplit, 'pair')} split where the tokenizer merges across the end of the prompt`),
    ...Object.entries(leftOut).map(
      ([what, count]) => `  the chat template leaves ${what} of the prompt out in ${plural(count, 'pair')}`,
    ),
    ...(way === undefined ? [] : [`  ${way}`]),
  ];
}

function sampleLines(
  pair: PreferencePair,
  index: number,
  place: DataSummary['place'],
  view: TokenView | undefined,
): string[] {
  const facts = view?.samples[index];
  const rendered = facts?.rendered;
  const remarks = [
    `${place} ${pair.line}`,
    ...(pair.plain ? ['used without a chat template'] : []),
    ...(facts?.unusable === undefined ? [] : [`cannot be used: ${reasonText(facts.unusable)}`]),
    ...(facts?.truncatedPrompt || facts?.truncatedChosen || facts?.truncatedRejected ? ['cut'] : []),
  ];
  const title = `sample ${index + 1} (${remarks.join('; ')})`;
  if (facts !== undefined && rendered === undefined) return [title];
  const decided = pair.decided === undefined ? [] : [`  decided by ${pair.decided}`];
  const text = (part: 'prompt' | 'chosen' | 'rejected'): string =>
    rendered?.[part] ?? pair[part].map((message) => (pair.plain ? message.content : shownMessage(message))).join('\n');
  const prompt = ['  prompt', ...quoted(text('prompt'))];
  // As the model reads them, every character counts, and each has its own lines.
  const answers =
    rendered === undefined
      ? sideBySide(['chosen', 'rejected'], [text('chosen'), text('rejected')]).map((line) => `  ${line}`)
      : (['chosen', 'rejected'] as const).flatMap((part) => [
          `  ${part}${scoredShare(facts, part)}`,
          ...quoted(text(part)),
        ]);
  return [title, ...decided, ...prompt, ...answers];
}

const quoted = (text: string): string[] =>
  shorten(text)
    .split('\n')
    .map((line) => `  | ${line}`);

/** Of a response of several turns: how many of its tokens are scored. */
function scoredShare(facts: RowFacts | undefined, part: 'prompt' | 'chosen' | 'rejected'): string {
  if (part === 'prompt' || facts?.pieces === undefined || !facts.context?.[part].length) return '';
  const scored = part === 'chosen' ? facts.chosenTokens : facts.rejectedTokens;
  return ` (${scored} of ${facts.pieces[part].length} tokens are scored: the assistant's turns)`;
}

const shownMessage = (message: ChatMessage): string =>
  [`<${message.role}>`, message.content, extraText(message)].filter((part) => part !== '').join(' ');

function droppedLines({ dropped, reasons, counts, place }: DataSummary, limit: number): string[] {
  const listed = reasons.length === counts.dropped ? [] : dropped.slice(0, limit); // each row has a line of its own already
  const more = counts.dropped - listed.length;
  return [
    `dropped: ${plural(counts.dropped, 'row')}`,
    ...reasons.map(({ reason, count, firstLine }) => `  ${count} x ${reason} (first: ${place} ${firstLine})`),
    ...listed.map(({ line, reason }) => `  ${place} ${line}: ${reason}`),
    ...(listed.length === 0 || more === 0
      ? []
      : [`  ... ${more} more${listed.length < dropped.length ? ': --dropped all lists them' : ''}`]),
  ];
}

function shorten(text: string): string {
  if (text.length <= SAMPLE_CHARACTERS) return text;
  const half = Math.floor(SAMPLE_CHARACTERS / 2);
  return `${text.slice(0, half)}\n[... ${text.length - 2 * half} characters ...]\n${text.slice(-half)}`;
}

/** Columns padded to their widest cell; the first two to the left, numbers to the right. */
function table(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) => largest(rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) =>
    row
      .map((cell, column) => (column < 2 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join('  ')
      .trimEnd(),
  );
}

const plural = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`;
const percent = (share: number): string => `${(100 * share).toFixed(1)}%`;
