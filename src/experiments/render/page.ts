/** One page that a reviewer reads from top to bottom: tables beside the paper's, figures, verdicts, what is missing. */
import { largest } from '../../core/extremes.js';
import { html, raw, type Html } from '../../reports/html.js';
import { STYLE } from '../../reports/style.js';
import { falseAlarmRate } from '../../math/index.js';
import type { Comparison } from '../comparisons.js';
import type { MatrixResults } from '../results.js';
import { comparisonColumns, comparisonRow } from './comparison-text.js';
import { figurePanels, forestPlot } from './figures.js';
import { cellText, markNumbers, publishedText, tableModel, type TableModel } from './table-model.js';

/** One matrix on the page. */
export interface PageSection {
  readonly results: MatrixResults;
  readonly comparisons: readonly Comparison[];
}

/** What the page says before its tables. */
export interface PageOptions {
  readonly title: string;
  /** What a reader must know before believing a number. */
  readonly claim: string;
}

const FIGURE_STYLE = `
.band { opacity: 0.15; stroke: none; } .whisker { stroke: var(--ink); stroke-width: 1.5; } .zero { stroke: var(--ink); stroke-dasharray: 3 3; }
.interval { stroke: var(--soft); stroke-width: 2; } .estimate { fill: var(--soft); }
.interval.reproduced { stroke: var(--good); } .estimate.reproduced { fill: var(--good); }
.interval.contradicted { stroke: var(--bad); } .estimate.contradicted { fill: var(--bad); }
.chart.wide { grid-column: 1 / -1; } td.paper, td.step0 { color: var(--soft); font-size: 13.5px; }
${Array.from({ length: 7 }, (_, i) => `.band.c${i}, .column.c${i} { fill: var(--c${i}); }`).join('\n')}
`;

/** The page as HTML, without script and network. */
export function resultsPage(sections: readonly PageSection[], { title, claim }: PageOptions): string {
  return html`<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>${title}</title><style>${raw(STYLE + FIGURE_STYLE)}</style></head>
<body><main>
<h1>${title}</h1>
<div class="alert">${claim}</div>
<p>Every method is judged by three accuracies on the same held-out pairs: its own reward (the paper's measure), the reward against the first reference, and the log-prob per token without any reference. Each has its value at step 0 beside it: what the measure says of an untrained policy. A difference counts as shown when it stands out from seeds and pairs after Holm's correction over its table.</p>
${sections.map(section)}
<footer>Written by mrpo, an implementation of multi-reference preference optimization (arXiv 2405.16388).</footer>
</main></body></html>
`.html;
}

function section({ results, comparisons }: PageSection): Html {
  const { matrix, missing, cells } = results;
  const own = comparisons.filter(({ accuracy }) => accuracy === 'own');
  return html`<h2>${matrix.title}</h2>
<p class="soft">${cells.length} of ${cells.length + missing.length} runs finished.${matrix.note === undefined ? '' : ` ${matrix.note}`}</p>
${matrix.tables.map((view) => tableSection(tableModel(results, view)))}
${matrix.figures.map((view) => html`<h3>${view.title}</h3><div class="charts">${figurePanels(results, view)}</div>`)}
<div class="charts">${forestPlot(own, 'Difference to the baseline by the own reward, 95 % interval')}</div>
${comparisonSection(comparisons)}
${missing.length === 0 ? undefined : missingSection(missing)}`;
}

function tableSection(table: TableModel): Html {
  const columns = table.columns.map((title) => html`<th class="number">${title || 'value'}</th>`);
  const withPaper = table.rows.some(({ cells }) => cells.some(({ published }) => published !== undefined));
  const rows = table.rows.flatMap(({ title, cells }) => [
    html`<tr><td>${title}</td>${cells.map((cell) => html`<td class="number" title="${cell.values.map((value) => (table.factor * value).toFixed(table.digits + 1)).join(', ')}">${cellText(cell, table)}<span class="soft">${markNumbers(cell, table)}</span></td>`)}</tr>`,
    html`<tr><td class="step0">at step 0</td>${cells.map((cell) => html`<td class="number step0">${Number.isNaN(cell.before) ? '–' : (table.factor * cell.before).toFixed(table.digits)}</td>`)}</tr>`,
    ...(withPaper
      ? [
          html`<tr><td class="paper">paper</td>${cells.map((cell) => html`<td class="number paper">${publishedText(cell, table)}</td>`)}</tr>`,
        ]
      : []),
  ]);
  return html`<h3>${table.title}</h3><div class="box"><table><thead><tr><th></th>${columns}</tr></thead><tbody>${rows}</tbody></table></div>
${table.marks.map((mark, i) => html`<p class="note">[${i + 1}] ${mark}</p>`)}`;
}

function comparisonSection(comparisons: readonly Comparison[]): Html | undefined {
  if (comparisons.length === 0) return undefined;
  const seeds = largest(comparisons.map((comparison) => comparison.seeds));
  const rows = comparisons.map(
    (comparison) => html`<tr>${comparisonRow(comparison).map((text) => html`<td>${text}</td>`)}</tr>`,
  );
  const rule =
    seeds > 1
      ? `The paper calls a method better when d > 0.5: with ${seeds} seeds, two equal methods pass that rule in ${(100 * falseAlarmRate(0.5, seeds)).toFixed(0)} % of cases.`
      : 'One seed says nothing about other seeds.';
  return html`<details><summary>All comparisons (${comparisons.length})</summary><p class="note">${rule}</p>
<div class="box"><table><thead><tr>${comparisonColumns.map((name) => html`<th>${name}</th>`)}</tr></thead><tbody>${rows}</tbody></table></div></details>`;
}

function missingSection(missing: MatrixResults['missing']): Html {
  return html`<details><summary>Runs without a result (${missing.length})</summary><div class="box"><table><tbody>${missing.map(({ cell, reason }) => html`<tr><td>${cell.path}</td><td>${reason}</td></tr>`)}</tbody></table></div></details>`;
}
