/** What a run was set to, the machine it ran on, and where the time went. */
import { durationText } from '../core/quantities.js';
import { html, type Html } from './html.js';
import type { ReportRun } from './report-run.js';

/** Settings, times and facts of one run. @param named Whether the title says which run it is. */
export function settingsSection({ name, settings, facts, timings }: ReportRun, named: boolean): Html {
  const list = (items: readonly { label: string; value: string }[]): Html =>
    html`<dl>${items.map(({ label, value }) => html`<dt>${label}</dt><dd>${value}</dd>`)}</dl>`;
  const times = timings.map(({ label, seconds }) => ({ label, value: durationText(seconds) }));
  return html`<h2>${named ? `${name}: settings` : 'Settings'}, machine, time</h2>
<div class="two"><div class="box">${list(settings)}</div><div class="box">${list([...times, ...facts])}</div></div>`;
}
