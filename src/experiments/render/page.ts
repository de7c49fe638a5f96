/** One page that a reviewer reads from top to bottom: tables beside the paper's, figures, verdicts, what is missing. */
import { largest } from '../../core/extremes.js';
import { html, raw, type Html } from '../../reports/html.js';
import { STYLE } from '../../reports/style.js';
import { falseAlarmRate } from '../../math/index.js';
import type { Comparison } from '../comparisons.js';
import { progressText, type MatrixResults } from '../results.js';
import type { ErrorPage } from '../errors/index.js';
import type { ChecklistItem } from './checklist.js';
import { ACCURACY_TITLES, arrows, comparisonColumns, comparisonRow } from './comparison-text.js';
import { figurePanels, forestPlot } from './figures.js';
import { beforeText, cellText, markNumbers, publishedText, tableModel, type TableModel } from './table-model.js';

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
  /** Whether models and data are the paper's own, so that its values may be held against ours. Default false. */
  readonly comparesValues?: boolean | undefined;
}

const FIGURE_STYLE = `
.band { opacity: 0.15; stroke: none; } .whisker { stroke: var(--ink); stroke-width: 1.5; } .zero { stroke: var(--ink); stroke-dasharray: 3 3; }
.interval { stroke: var(--soft); stroke-width: 2; } .estimate { fill: var(--soft); }
.interval.reproduced { stroke: var(--good); } .estimate.reproduced { fill: var(--good); }
.interval.contradicted { stroke: var(--bad); } .estimate.contradicted { fill: var(--bad); }
.chart.wide { grid-column: 1 / -1; } main > h3 { margin-top: 26px; }
.results tr.main td { border-bottom: 0; padding-bottom: 2px; } .results tr.below td { color: var(--soft); font-size: 13.5px; padding-top: 0; padding-bottom: 2px; border-bottom: 0; }
.results tr.last td { border-bottom: 1px solid var(--rule); padding-bottom: 9px; } .results tr.last:last-child td { border-bottom: 0; } .results tr.below td.up { color: var(--good); } .results tr.below td.down { color: var(--bad); }
sup { color: var(--soft); font-size: 10.5px; }
${Array.from({ length: 7 }, (_, i) => `.band.c${i}, .column.c${i} { fill: var(--c${i}); }`).join('\n')}
`;

/** What the page is made of, in its order. */
export interface PageParts {
  readonly sections: readonly PageSection[];
  readonly errors: readonly ErrorPage[];
  readonly checklist: readonly ChecklistItem[];
}

/** The page as HTML, without script and network. */
export function resultsPage({ sections, errors, checklist }: PageParts, options: PageOptions): string {
  const { title, claim, comparesValues = false } = options;
  return html`<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>${title}</title><style>${raw(STYLE + FIGURE_STYLE)}</style></head>
<body><main>
<h1>${title}</h1>
<div class="alert">${claim}</div>
<p>Every method is judged by three accuracies on the same held-out pairs: its own reward (the paper's measure), the reward against the first reference, and the log-prob per token without any reference. Each has its value at step 0 beside it: what the measure says of an untrained policy. A difference counts as shown when it stands out from seeds and pairs after Holm's correction over its table.</p>
${verdictSection(sections)}
${sections.map((part) => section(part, comparesValues))}
${errorSection(errors)}
${checklistSection(checklist)}
<footer>Written by mrpo, an implementation of multi-reference preference optimization (arXiv 2405.16388).</footer>
</main></body></html>
`.html;
}

/** What came of the claims, before any table: how many of each verdict, by accuracy. */
function verdictSection(sections: readonly PageSection[]): Html | undefined {
  const accuracies = Object.keys(ACCURACY_TITLES) as (keyof typeof ACCURACY_TITLES)[];
  const rows = sections
    .filter(({ comparisons }) => comparisons.length > 0)
    .map(({ results, comparisons }) => [
      results.matrix.title,
      ...accuracies.map((accuracy) => verdictCounts(comparisons.filter((one) => one.accuracy === accuracy))),
    ]);
  if (rows.length === 0) return undefined;
  const head = ['claims of', ...accuracies.map((accuracy) => ACCURACY_TITLES[accuracy])];
  return html`<h2>What is shown, and what is not</h2>
<p>Of the claims that a method is better than its baseline, each with Holm's correction over its table: how many are shown, not shown, or shown to be the other way round.</p>
<div class="box"><table><thead><tr>${head.map((text) => html`<th>${text}</th>`)}</tr></thead><tbody>${rows.map((row) => html`<tr>${row.map((value) => html`<td>${value}</td>`)}</tr>`)}</tbody></table></div>`;
}

function verdictCounts(comparisons: readonly Comparison[]): string {
  const names = { reproduced: 'better', undetermined: 'not shown', contradicted: 'worse' } as const;
  const counts = Object.entries(names).flatMap(([verdict, name]) => {
    const count = comparisons.filter((one) => one.verdict === verdict).length;
    return count === 0 ? [] : [`${count} ${name}`];
  });
  return counts.join(', ') || '–';
}

function errorSection(errors: readonly ErrorPage[]): Html | undefined {
  if (errors.length === 0) return undefined;
  return html`<h2>Errors of the paper and of its released code, measured</h2>
${errors.map(({ name, title, number }) => html`<p><a href="errors/${name}.html">${title}</a>: ${number}.</p>`)}`;
}

function checklistSection(items: readonly ChecklistItem[]): Html | undefined {
  if (items.length === 0) return undefined;
  return html`<h2>Reproducibility checklist</h2>
<div class="box"><table><tbody>${items.map(({ question, answer }) => html`<tr><td>${question}</td><td>${answer}</td></tr>`)}</tbody></table></div>`;
}

function section({ results, comparisons }: PageSection, comparesValues: boolean): Html {
  const { matrix, missing } = results;
  const own = comparisons.filter(({ accuracy }) => accuracy === 'own');
  return html`<h2>${matrix.title}</h2>
<p class="soft">${progressText(results)}${matrix.note === undefined ? '' : ` ${matrix.note}`}</p>
${matrix.tables.map((view) => tableSection(tableModel(results, view, comparesValues)))}
${matrix.figures.map((view) => html`<h3>${view.title}</h3><div class="charts">${figurePanels(results, view)}</div>`)}
<div class="charts">${forestPlot(own, 'Difference to the baseline by the own reward, 95 % interval')}</div>
${comparisonSection(comparisons)}
${missing.length === 0 ? undefined : missingSection(missing)}`;
}

function tableSection(table: TableModel): Html {
  const columns = table.columns.map((title) => html`<th class="number">${arrows(title) || 'value'}</th>`);
  const has = (of: (cell: TableModel['rows'][number]['cells'][number]) => unknown): boolean =>
    table.rows.some(({ cells }) => cells.some((cell) => of(cell) !== undefined));
  const [withPaper, withVerdict] = [has(({ published }) => published), has(({ verdict }) => verdict)];
  const rows = table.rows.map(({ title, cells }) => {
    const below = [
      { name: 'at step 0', texts: cells.map((cell) => ({ text: beforeText(cell, table), kind: '' })) },
      ...(withPaper
        ? [{ name: 'paper', texts: cells.map((cell) => ({ text: publishedText(cell, table), kind: '' })) }]
        : []),
      ...(withVerdict
        ? [
            {
              name: 'value',
              texts: cells.map(({ verdict }) => ({ text: verdict ?? '–', kind: VERDICT_KINDS[verdict ?? ''] ?? '' })),
            },
          ]
        : []),
    ];
    return html`<tr class="main"><td>${arrows(title)}</td>${cells.map((cell) => html`<td class="number" title="${cell.values.map((value) => (table.factor * value).toFixed(table.digits + 1)).join(', ')}">${cellText(cell, table)}<sup>${markNumbers(cell, table)}</sup></td>`)}</tr>
${below.map(({ name, texts }, i) => html`<tr class="below${i === below.length - 1 ? ' last' : ''}"><td>${name}</td>${texts.map(({ text, kind }) => html`<td class="number ${kind}">${text}</td>`)}</tr>`)}`;
  });
  return html`<h3>${table.title}</h3><div class="box results"><table><thead><tr><th></th>${columns}</tr></thead><tbody>${rows}</tbody></table></div>
${table.marks.map((mark, i) => html`<p class="note">[${i + 1}] ${mark}</p>`)}`;
}

const VERDICT_KINDS: Readonly<Record<string, string>> = { 'as the paper': 'up', 'another value': 'down' };

function comparisonSection(comparisons: readonly Comparison[]): Html | undefined {
  if (comparisons.length === 0) return undefined;
  const seeds = largest(comparisons.map((comparison) => comparison.seeds));
  const rows = comparisons.map(
    (comparison) => html`<tr>${comparisonRow(comparison).map((text) => html`<td>${arrows(text)}</td>`)}</tr>`,
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
