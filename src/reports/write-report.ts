/** The report of one run or of several beside each other: one HTML file that opens from disk, without network or script. */
import { writeFileAtomic } from '../store/atomic-file.js';
import { html, raw, type Html } from './html.js';
import { mainTable } from './main-table.js';
import { durationText, percentText } from '../core/quantities.js';
import { numberText } from './numbers.js';
import { referenceSection } from './reference-section.js';
import type { Panel, ReportRun } from './report-run.js';
import { sampleSection } from './sample-section.js';
import { settingsSection } from './settings-section.js';
import { STYLE } from './style.js';
import { trainingCharts } from './training-charts.js';

/** Title of the page, and what a caller adds to it. */
export interface ReportOptions {
  readonly title: string;
  /** Sections of the caller's own, after the main table. */
  readonly panels?: readonly Panel[] | undefined;
}

/** Writes the page whole or not at all. Runs may be unfinished: what is there is shown. */
export async function writeReport(runs: readonly ReportRun[], file: string, options: ReportOptions): Promise<void> {
  await writeFileAtomic(file, reportHtml(runs, options));
}

/** The page as text. */
export function reportHtml(runs: readonly ReportRun[], { title, panels = [] }: ReportOptions): string {
  const [only] = runs.length === 1 ? runs : [];
  const page = html`<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>${title}</title><style>${raw(STYLE)}</style></head>
<body><main>
<h1>${title}${only === undefined ? undefined : html` <span class="pill ${only.status}">${only.status}</span>`}</h1>
${runs.map((run) => html`<p class="soft">${runs.length > 1 ? `${run.name}: ` : ''}${run.summary}</p>`)}
${runs.filter(({ reason }) => reason !== undefined).map(({ name, status, reason }) => html`<div class="alert"><b>${name} ${status}</b>: ${reason}</div>`)}
${cards(runs)}
<h2>Before and after</h2>
<p>The policy is shown pairs of answers to the same prompt, one preferred. Training makes the preferred one more likely, and reference models keep it from drifting. All numbers here are from pairs that were never trained on.</p>
${mainTable(runs)}
${panels.map(panelSection)}
<h2>How training went</h2>
${trainingCharts(runs)}
${referenceSection(runs)}
${sampleSection(runs)}
${runs.map((run) => settingsSection(run, runs.length > 1))}
<footer>Written by mrpo, an implementation of multi-reference preference optimization (arXiv 2405.16388).</footer>
</main></body></html>
`;
  return page.html;
}

function cards(runs: readonly ReportRun[]): Html {
  const shown = runs.flatMap((run) => {
    const of = runs.length > 1 ? `${run.name}: ` : '';
    const { before, after } = run;
    if (before === undefined || after === undefined) return [];
    const accuracy = card(
      `${of}accuracy without reference`,
      percentText(after['accuracies/per_token']),
      percentText(before['accuracies/per_token']),
    );
    const margin = card(
      `${of}margin against the start`,
      numberText(after['margins/refm1']),
      numberText(before['margins/refm1']),
    );
    return Object.keys(after).length === 0 ? [] : [accuracy, margin];
  });
  const [only] = runs.length === 1 ? runs : [];
  const more =
    only === undefined
      ? []
      : [
          card('training pairs', numberText(only.trainingPairs)),
          card('wall time', durationText(only.timings.reduce((sum, { seconds }) => sum + seconds, 0))),
        ];
  return html`<div class="cards">${[...shown, ...more]}</div>`;
}

const card = (label: string, value: string, from?: string): Html =>
  html`<div class="card"><div class="label">${label}</div><div class="value">${value}</div>${from === undefined ? undefined : html`<div class="from">${from} before</div>`}</div>`;

function panelSection({ title, text, table }: Panel): Html {
  const cellClass = (column: number): string => (column > 0 ? 'number' : '');
  const rows = table?.rows.map(
    (row) => html`<tr>${row.map((cell, i) => html`<td class="${cellClass(i)}">${cell}</td>`)}</tr>`,
  );
  const head = table?.columns.map((name, i) => html`<th class="${cellClass(i)}">${name}</th>`);
  return html`<h2>${title}</h2>${text === undefined ? undefined : html`<p>${text}</p>`}
${table === undefined ? undefined : html`<div class="box" tabindex="0"><table><thead><tr>${head}</tr></thead><tbody>${rows}</tbody></table></div>`}`;
}
