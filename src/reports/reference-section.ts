/** What each reference says of the pairs, and what the method made of it. */
import type { ReferenceMetric } from '../objectives/metrics.js';
import { html, raw, type Html } from './html.js';
import { lineChart, type Line } from './line-chart.js';
import { percentText } from '../core/quantities.js';
import { numberText, percentTick } from './numbers.js';
import type { ReportRun } from './report-run.js';
import { curve, smooth, thin } from './series.js';

const MAX_POINTS = 300;

/** A table per run and its curves; nothing if no run has references. */
export function referenceSection(runs: readonly ReportRun[]): Html {
  const shown = runs.filter(({ references }) => references.length > 0);
  if (shown.length === 0) return raw('');
  return html`<h2>What the references say</h2>
<p>References are models that stay as they are. Each says how likely it finds both answers of a pair, and training may
move the policy away from them only so far. Several references are pooled into one <em>virtual reference</em>: a trust
region keeps far-off ones near the first (<em>clip</em>), and weights say how much each counts.</p>
${shown.map((run) => oneRun(run, shown.length > 1))}
<p class="note">Tables: held-out pairs. <b>Lead</b>: mean log-probability of the preferred answer minus that of the
other one, summed over tokens. <b>Clipped</b>: share of answers where the trust region had to pull this reference
closer. <b>Decides</b>: share of answers that this reference finds the least likely of all, which is what the harmonic
pool follows.</p>`;
}

const WEIGHTS_CAPTION =
  'Mean weight of each reference in the pairs of each step. Equal weights mean that no reference separates the answers better than the others.';
const CLIP_CAPTION =
  'Share of answers where the trust region changed what the reference said. Near 100 %: the reference disagrees so much that only the edge of the trust region is left of it.';

function oneRun(run: ReportRun, named: boolean): Html {
  const last = run.after ?? run.before ?? {};
  const of = (reference: string, what: ReferenceMetric): number | undefined => last[`references/${reference}/${what}`];
  // DPO knows the first reference only: nothing moves there.
  const several = run.references
    .slice(1)
    .some(({ name }) => of(name, 'weight') !== 0 && of(name, 'weight') !== undefined);
  return html`${named ? html`<h3 class="apart">${run.name}</h3>` : undefined}
<div class="box" tabindex="0"><table><thead><tr><th>reference</th><th>prefers the preferred answer</th>
${['lead (nats)', 'weight', 'clipped', 'decides'].map((title) => html`<th class="number">${title}</th>`)}</tr></thead>
<tbody>${run.references.map(
    (
      reference,
      k,
    ) => html`<tr><td>${reference.name}${k === 0 ? ' (RefM1)' : ''}<span class="explain">${reference.model}</span></td>
<td>${bar(reference.accuracy, k)}${percentText(reference.accuracy)}</td><td class="number">${numberText(reference.meanDifference)}</td>
<td class="number">${numberText(of(reference.name, 'weight'))}</td><td class="number">${percentText(of(reference.name, 'clip_share'))}</td>
<td class="number">${percentText(of(reference.name, 'dominance'))}</td></tr>`,
  )}</tbody></table></div>
${
  several
    ? html`<div class="charts">
${overTime(run, 'weight', 'Weights over time', WEIGHTS_CAPTION)}
${overTime(run, 'clip_share', 'Clip share over time', CLIP_CAPTION)}
</div>`
    : undefined
}`;
}

function overTime(run: ReportRun, what: string, title: string, caption: string): Html | undefined {
  const lines = run.references.map(({ name }, color): Line => ({
    name,
    color,
    points: smooth(thin(curve(run.metrics, `references/${name}/${what}`), MAX_POINTS)),
  }));
  return lineChart({ title, caption, lines, format: percentText, tickFormat: percentTick, low: 0, high: 1 });
}

const bar = (share: number | undefined, color: number): Html =>
  share === undefined
    ? raw('')
    : html`<svg class="bar" width="90" height="8" aria-hidden="true"><rect class="mark c${color % 7}" width="${Math.round(90 * share)}" height="8" rx="4"/></svg>`;
