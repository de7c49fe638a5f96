/** Tables as Markdown. */
import type { Comparison } from '../comparisons.js';
import { comparisonColumns, comparisonRow } from './comparison-text.js';
import { beforeText, cellText, markNumbers, publishedText, type TableModel } from './table-model.js';

/** A heading and a table; below each row its values at step 0 and, where there are some, the paper's. */
export function markdownTable(table: TableModel): string {
  const withPaper = table.rows.some(({ cells }) => cells.some(({ published }) => published !== undefined));
  const withVerdict = table.rows.some(({ cells }) => cells.some(({ verdict }) => verdict !== undefined));
  const lines = table.rows.flatMap((row) => [
    line([row.title, ...row.cells.map((cell) => `${cellText(cell, table)}${markNumbers(cell, table)}`)]),
    line(['&nbsp;&nbsp;at step 0', ...row.cells.map((cell) => beforeText(cell, table))]),
    ...(withPaper ? [line(['&nbsp;&nbsp;paper', ...row.cells.map((cell) => publishedText(cell, table))])] : []),
    ...(withVerdict ? [line(['&nbsp;&nbsp;value', ...row.cells.map(({ verdict }) => verdict ?? '–')])] : []),
  ]);
  const columns = table.columns.length === 0 ? ['value'] : table.columns.map((title) => title || 'value');
  const head = [line(['', ...columns]), line(['---', ...columns.map(() => '---:')])];
  const marks = table.marks.map((mark, i) => `[${i + 1}] ${mark}`);
  return [`### ${table.title}`, '', ...head, ...lines, '', ...marks, ''].join('\n');
}

/** A table with one row per comparison; empty text if there is none. */
export function markdownComparisons(comparisons: readonly Comparison[]): string {
  if (comparisons.length === 0) return '';
  const rows = comparisons.map((comparison) => line(comparisonRow(comparison)));
  return [line(comparisonColumns), line(comparisonColumns.map(() => '---')), ...rows, ''].join('\n');
}

const line = (cells: readonly string[]): string =>
  `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
