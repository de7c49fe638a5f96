/** What was made of the rows of a file: which column was read as what, and everything that was not read. */
import type { Finding, Tally } from './tally.js';

/** Counts over the rows that were read so far. */
export interface ReadReport {
  readonly rows: number;
  /** Column of each role, as paths. */
  readonly roles: Readonly<Record<string, string>>;
  /** Rows by the format they were read as. */
  readonly formats: Counts;
  /** Texts and messages that nothing read, and message keys that no template gets. */
  readonly unread: readonly UnreadColumn[];
  /** Columns that were left out as the user says. */
  readonly ignored: Counts;
  /** Message keys that go to the chat template. */
  readonly carried: Counts;
}

/** Rows by name, the most frequent first. */
export type Counts = readonly { readonly name: string; readonly rows: number }[];

/** Something of the rows that nothing reads. */
export interface UnreadColumn {
  readonly name: string;
  readonly what: 'column' | 'message key';
  /** Rows that have it. */
  readonly rows: number;
  /** Of all rows, 0 to 1. */
  readonly share: number;
}

/** The report of what a tally has counted. @param roles Column of each role, as paths. */
export function createReadReport(tally: Tally, roles: Readonly<Record<string, string>>): ReadReport {
  const rows = tally.rows();
  const unread = (finding: Finding, what: UnreadColumn['what']): UnreadColumn[] =>
    tally.of(finding).map(({ name, rows: count }) => ({ name, what, rows: count, share: count / Math.max(1, rows) }));
  return {
    rows,
    roles,
    formats: tally.of('format'),
    unread: [...unread('unread column', 'column'), ...unread('unread message key', 'message key')],
    ignored: tally.of('ignored column'),
    carried: tally.of('carried message key'),
  };
}

/** The report in sentences, for a person. */
export function reportNotes({ formats, unread, ignored, carried }: ReadReport, tally?: Tally): string[] {
  const share = ({ rows, share: part, name }: UnreadColumn): string =>
    `${name} (${part >= 0.9995 ? 'all rows' : `${rows} row${rows === 1 ? '' : 's'}, ${(100 * part).toFixed(1)}%`})`;
  const columns = unread.filter(({ what }) => what === 'column').map(share);
  const keys = unread.filter(({ what }) => what === 'message key').map(share);
  const plural = (rows: number): string => `${rows} row${rows === 1 ? '' : 's'}`;
  return [
    ...(formats.length > 1
      ? [`rows of several formats: ${formats.map(({ name, rows }) => `${rows} ${name}`).join(', ')}`]
      : []),
    ...(columns.length > 0 ? [`not read: ${columns.join(', ')}`] : []),
    ...(keys.length > 0 ? [`message keys that are not read: ${keys.join(', ')}`] : []),
    ...carried.map(({ name, rows }) => `${name}: carried to the chat template in ${plural(rows)}`),
    ...ignored.map(({ name, rows }) => `${name}: ignored in ${plural(rows)}`),
    ...(tally === undefined
      ? []
      : FINDINGS.flatMap(([finding, text]) => tally.of(finding).map(({ name, rows }) => text(name, plural(rows))))),
  ];
}

const FINDINGS: readonly (readonly [Finding, (name: string, rows: string) => string])[] = [
  ['marks turned into turns', (name, rows) => `${name} marks are turned into chat messages in ${rows}`],
  ['prompt repeated in the answers', (_name, rows) => `both answers repeat the prompt in ${rows}; it is taken off`],
  ['turns after the last answer', (_name, rows) => `user turns after the last answer are left out in ${rows}`],
  ['texts in JSON', (name, rows) => `${name}: messages written as text are read in ${rows}`],
];
