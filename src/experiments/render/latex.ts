/** Tables as LaTeX, with booktabs. */
import { type TableCell, type TableModel } from './table-model.js';

/** A complete table environment; needs the package booktabs. */
export function latexTable(table: TableModel): string {
  const columns = table.columns.map((title) => escapeLatex(title || 'value'));
  const rows = table.rows.map(
    ({ title, cells }) => `${[escapeLatex(title), ...cells.map((cell) => number(cell, table))].join(' & ')} \\\\`,
  );
  return [
    '% \\usepackage{booktabs}',
    '\\begin{table}',
    '  \\centering',
    `  \\begin{tabular}{l${'r'.repeat(columns.length)}}`,
    '    \\toprule',
    `    ${['', ...columns].join(' & ')} \\\\`,
    '    \\midrule',
    ...rows.map((row) => `    ${row}`),
    '    \\bottomrule',
    '  \\end{tabular}',
    `  \\caption{${escapeLatex(table.title)}. ${caption(table)}}`,
    `  \\label{tab:${table.name}}`,
    '\\end{table}',
    '',
  ].join('\n');
}

function number({ values, mean, sd }: TableCell, { factor, digits }: TableModel): string {
  if (values.length === 0) return '--';
  const text = (value: number): string => (factor * value).toFixed(digits);
  return Number.isNaN(sd) ? `$${text(mean)}$` : `$${text(mean)} \\pm ${text(sd)}$`;
}

function caption(table: TableModel): string {
  const runs = new Set(table.rows.flatMap(({ cells }) => cells.map(({ values }) => values.length)));
  return `Mean and standard deviation over ${[...runs].sort().join(', ')} seeds.`;
}

const ESCAPES: Readonly<Record<string, string>> = {
  '\\': '\\textbackslash{}',
  '~': '\\textasciitilde{}',
  '^': '\\textasciicircum{}',
  '<': '$<$',
  '>': '$>$',
};

function escapeLatex(text: string): string {
  return text
    .replaceAll('<-', '\0')
    .replace(/[\\~^<>]/g, (character) => ESCAPES[character] ?? character)
    .replace(/[&%$#_{}]/g, (character, place: number, whole: string) =>
      // What an escape of the line before wrote is LaTeX already.
      /\\text[a-z]*$|\$[<>]?$/.test(whole.slice(0, place)) || whole.slice(place).startsWith('$<$')
        ? character
        : `\\${character}`,
    )
    .replaceAll('\0', '$\\leftarrow$');
}
