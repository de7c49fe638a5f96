/** Several runs over each other: their curves in one chart each, and what their configurations differ in. */
import { html, useState } from './lib/preact.js';
import { Chart } from './chart.js';
import { MACHINE_CHARTS, TRAINING_CHARTS } from './chart-list.js';
import { useRun } from './watch.js';

export function CompareView({ ids, theme, onError }) {
  const [everything, setEverything] = useState(false);
  // The number of runs never changes while this view is shown: the router makes another one for another list.
  const runs = ids.map((id) => ({ id, ...useRun(id, onError) }));
  const version = runs.reduce((sum, run) => sum + run.version, 0);
  const shown = runs.map(({ id, series, parts }) => ({ name: id, series, longerIsChosen: parts?.longerIsChosen }));
  const rows = settingRows(runs.map(({ parts }) => flat(parts?.config ?? {})));
  const differing = rows.filter(({ differs }) => differs);
  return html`<h1 tabindex="-1">${ids.length} runs compared</h1>
    <ul>${runs.map(({ id, run }) => html`<li key=${id}><a href=${`#/run/${encodeURIComponent(id)}`}>${id}</a> <span class="soft">${run?.state.toLowerCase()}</span></li>`)}</ul>
    <h2>Curves</h2>
    <div class="charts">${[...TRAINING_CHARTS, ...MACHINE_CHARTS].map(
      (definition) =>
        html`<${Chart} key=${definition.title} definition=${definition} runs=${shown} version=${version} theme=${theme} />`,
    )}</div>
    <h2>Configurations</h2>
    <div class="actions"><label><input type="checkbox" checked=${everything} onChange=${() => setEverything(!everything)} /> also what is the same</label></div>
    <p role="status" class="soft">${differing.length} of ${rows.length} settings differ.</p>
    <div class="box" tabindex="0"><table class="diff">
      <thead><tr><th scope="col">setting</th>${ids.map((id) => html`<th scope="col">${id}</th>`)}</tr></thead>
      <tbody>${(everything ? rows : differing).map(
        ({ name, values, differs }) =>
          html`<tr key=${name} class=${differs ? 'other' : ''}><th scope="row">${name}</th>${values.map((value) => html`<td>${value ?? '–'}</td>`)}</tr>`,
      )}</tbody>
    </table></div>`;
}

/** Settings by dotted names, as text. */
function flat(value, prefix = '') {
  const isList = Array.isArray(value);
  const nested = isList
    ? value.some((entry) => typeof entry === 'object')
    : typeof value === 'object' && value !== null;
  if (!nested) return { [prefix.slice(0, -1)]: isList ? `[${value.join(', ')}]` : String(value) };
  return Object.assign({}, ...Object.entries(value).map(([key, member]) => flat(member, `${prefix}${key}.`)));
}

function settingRows(configs) {
  const names = [...new Set(configs.flatMap(Object.keys))].sort();
  return names.map((name) => {
    const values = configs.map((config) => config[name]);
    return { name, values, differs: new Set(values).size > 1 };
  });
}
