/** All runs, newest first; some can be chosen to be laid over each other. */
import { html, useEffect, useState } from './lib/preact.js';
import { listRuns } from './api.js';
import { durationText, numberText, percentText, timeText } from './format.js';

const LOOK_MS = 5000;

export function RunList({ onError }) {
  const [runs, setRuns] = useState(undefined);
  const [chosen, setChosen] = useState([]);
  const [wanted, setWanted] = useState('');
  useEffect(() => {
    const stop = new AbortController();
    let timer;
    const look = async () => {
      await listRuns(stop.signal).then(setRuns, (thrown) => !stop.signal.aborted && onError(thrown));
      if (!stop.signal.aborted) timer = setTimeout(look, document.hidden ? 5 * LOOK_MS : LOOK_MS);
    };
    void look();
    return () => {
      stop.abort();
      clearTimeout(timer);
    };
  }, []);
  if (runs === undefined) return html`<p role="status">Reading the list of runs…</p>`;
  const choose = (id) => setChosen(chosen.includes(id) ? chosen.filter((other) => other !== id) : [...chosen, id]);
  const words = wanted.toLowerCase();
  const shown = runs.filter((run) =>
    [run.id, run.state, ...Object.entries(run.labels).map((label) => label.join('='))].some((text) =>
      text.toLowerCase().includes(words),
    ),
  );
  return html`<h1 tabindex="-1">Runs</h1>
    <div class="actions">
      <label>Find <input type="search" value=${wanted} onInput=${(event) => setWanted(event.target.value)} placeholder="id, state, label" /></label>
      <button type="button" disabled=${chosen.length < 2} onClick=${() => (location.hash = `#/compare/${chosen.map(encodeURIComponent).join(',')}`)}>
        Compare ${chosen.length > 1 ? `${chosen.length} runs` : 'chosen runs'}
      </button>
    </div>
    <p class="soft" role="status">${shown.length} of ${runs.length} runs</p>
    ${
      shown.length > 0 &&
      html`<div class="box" tabindex="0"><table class="runs">
        <thead><tr><th scope="col">choose</th><th scope="col">run</th><th scope="col">state</th><th scope="col">steps</th>
          <th scope="col" class="number">loss</th><th scope="col" class="number">accuracy per token</th><th scope="col">ordered</th></tr></thead>
        <tbody>${shown.map((run) => row(run, chosen.includes(run.id), () => choose(run.id)))}</tbody>
      </table></div>`
    }`;
}

const row = (run, isChosen, choose) => html`<tr key=${run.id}>
  <td><label class="choose"><input type="checkbox" checked=${isChosen} onChange=${choose} aria-label=${`choose ${run.id}`} /></label></td>
  <th scope="row" class="id"><a href=${`#/run/${encodeURIComponent(run.id)}`}>${run.id}</a>
    ${Object.entries(run.labels).map(([name, value]) => html`<span class="soft"> ${name}=${value}</span>`)}</th>
  <td data-label="state"><span class=${`pill ${run.state}`}>${run.state.toLowerCase()}</span>${run.stalled && html` <b class="down">stalled</b>`}
    ${run.queuePosition > 0 && html`<span class="soft"> ${run.queuePosition}. in the queue</span>`}</td>
  <td data-label="steps">${run.step}${run.totalSteps > 0 ? ` of ${run.totalSteps}` : ''}${run.etaSeconds > 0 ? `, ${durationText(run.etaSeconds)} left` : ''}</td>
  <td class="number" data-label="loss">${numberText(run.measures.loss)}</td>
  <td class="number" data-label="accuracy per token">${percentText(run.evaluation['accuracies/per_token'])}</td>
  <td data-label="ordered">${timeText(run.createdAt)}</td>
</tr>`;
