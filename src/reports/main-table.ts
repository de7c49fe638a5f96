/** Step 0 against the end, for one run or several side by side, with the baselines that belong beside them. */
import { html, raw, type Html } from './html.js';
import { METRIC_ROWS, type MetricRow } from './metric-rows.js';
import { percentText } from '../core/quantities.js';
import type { ReportRun } from './report-run.js';

/** One column pair per run, one row per measure that any run has. Says so where nothing was evaluated. */
export function mainTable(runs: readonly ReportRun[]): Html {
  const measured = runs.filter(({ before }) => before !== undefined && Object.keys(before).length > 0);
  if (measured.length === 0)
    return html`<p class="soft">Nothing was evaluated: there are no held-out pairs, or the run ended before the first evaluation.</p>`;
  const several = measured.length > 1;
  const group = several
    ? html`<tr><td></td>${measured.map(({ name }) => html`<th class="number" colspan="2">${name}</th>`)}</tr>`
    : raw('');
  const longer = measured[0]?.longerIsChosen;
  return html`<div class="box" tabindex="0"><table>
<thead>${group}<tr><th>held-out pairs (${measured
    .map(({ heldOutPairs }) => heldOutPairs)
    .filter(isFirst)
    .join(', ')})</th>${measured.map(
    () => html`<th class="number">step 0</th><th class="number">after</th>`,
  )}</tr></thead>
<tbody>${METRIC_ROWS.filter((row) => measured.some(({ before }) => before?.[row.name] !== undefined)).map((row) => tableRow(row, measured))}
${
  longer === undefined
    ? undefined
    : html`<tr><td>Baseline: always prefer the longer answer<span class="explain">An accuracy near this one may have learnt nothing but length.</span></td>${measured.map(
        ({ longerIsChosen }) => html`<td class="number" colspan="2">${percentText(longerIsChosen)}</td>`,
      )}</tr>`
}</tbody></table></div>`;
}

function tableRow(row: MetricRow, runs: readonly ReportRun[]): Html {
  return html`<tr><td>${row.label}${row.explain === '' ? undefined : html`<span class="explain">${row.explain}</span>`}</td>${runs.map(
    ({ before, after }) =>
      html`<td class="number soft">${row.format(before?.[row.name])}</td><td class="number strong">${row.format(after?.[row.name])}</td>`,
  )}</tr>`;
}

const isFirst = <T>(value: T, index: number, all: readonly T[]): boolean => all.indexOf(value) === index;
