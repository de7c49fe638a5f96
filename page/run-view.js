/** One run: where it is, its curves, the sections of its report, what has happened. */
import { html } from './lib/preact.js';
import { Actions } from './dialog.js';
import { Chart } from './chart.js';
import { MACHINE_CHARTS, TRAINING_CHARTS } from './chart-list.js';
import { durationText, numberText, percentText, timeText } from './format.js';
import { useRun } from './watch.js';

export function RunView({ id, controls, theme, onError }) {
  const { run, parts, events, version, series, lost, again } = useRun(id, onError);
  if (run === undefined) return html`<h1 tabindex="-1">${id}</h1><p role="status">Reading the run…</p>`;
  const shown = [{ name: id, series, longerIsChosen: parts?.longerIsChosen }];
  const charts = (list) =>
    html`<div class="charts">${list.map(
      (definition) =>
        html`<${Chart} key=${definition.title} definition=${definition} runs=${shown} version=${version} theme=${theme} />`,
    )}</div>`;
  return html`<h1 tabindex="-1">${id}</h1>
    <p role="status" aria-live="polite"><span class=${`pill ${run.state}`}>${run.state.toLowerCase()}</span>
      ${run.stalled && html` <b class="down">no progress for a while</b>`}
      <span class="soft"> ${run.ended ? `ended ${timeText(run.endedAt)}` : `${run.phase}${run.work && `: ${run.work}`}`}</span>
      ${lost && html` <b class="down">connection lost, trying again</b>`}</p>
    ${run.reason && html`<div class="alert">${run.reason}${run.hint && html`<br /><span class="soft">${run.hint}</span>`}</div>`}
    ${parts && html`<p class="soft">${parts.summary}</p>`}
    ${
      run.totalSteps > 0 &&
      html`<label>step ${run.step} of ${run.totalSteps}${run.etaSeconds > 0 ? `, ${durationText(run.etaSeconds)} left` : ''}
        <progress value=${run.step} max=${run.totalSteps}></progress></label>`
    }
    <${Actions} run=${run} controls=${controls} onDone=${() => run.ended && again()} />
    <div class="cards">
      ${card('loss of the newest step', numberText(run.measures.loss))}
      ${card('accuracy without reference, held out', percentText(run.evaluation['accuracies/per_token']))}
      ${card('accuracy against the start, held out', percentText(run.evaluation['accuracies/refm1']))}
      ${card('margin of own reward, held out', numberText(run.evaluation['rewards/margins']))}
    </div>
    <h2>How training goes</h2>${charts(TRAINING_CHARTS)}
    ${parts?.marks.map((mark) => html`<p class="note">Step ${mark.x}: ${mark.text}</p>`)}
    <h2>What the machine does</h2>${charts(MACHINE_CHARTS)}
    ${parts?.sections.map(
      ({ title, html: inner }) =>
        html`<section>${title && html`<h2>${title}</h2>`}<div dangerouslySetInnerHTML=${{ __html: inner }}></div></section>`,
    )}
    <h2>Events</h2>
    ${
      events.length === 0
        ? html`<p class="soft">Nothing yet.</p>`
        : html`<ol class="events" tabindex="0" aria-label="Events, newest first">
      ${[...events].reverse().map((event) => html`<li key=${event.seq}><time datetime=${event.time}>${timeText(event.time)}</time><span class="kind">${event.kind}</span>${event.text}</li>`)}
    </ol>`
    }`;
}

const card = (label, value) =>
  html`<div class="card"><div class="label">${label}</div><div class="value">${value}</div></div>`;
