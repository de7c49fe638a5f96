/** Answers to held-out prompts before and after training. */
import { html, raw, type Html } from './html.js';
import type { ReportRun, ReportSample } from './report-run.js';

/** One box per prompt with the answers of all runs; nothing if there are no samples. */
export function sampleSection(runs: readonly ReportRun[]): Html {
  const prompts = [...new Set(runs.flatMap(({ samples }) => samples.map(({ prompt }) => prompt)))];
  if (prompts.length === 0) return raw('');
  return html`<h2>Answers before and after</h2>
<p class="soft">Prompts that were never trained on, answered without randomness.</p>
${prompts.map((prompt) => promptBox(prompt, runs))}`;
}

function promptBox(prompt: string, runs: readonly ReportRun[]): Html {
  const answers = runs.flatMap((run) =>
    run.samples.filter((sample) => sample.prompt === prompt).map((sample) => ({ run, sample })),
  );
  const first = answers[0]?.sample as ReportSample;
  const after = answers.filter(({ sample }) => sample.after !== undefined);
  return html`<div class="sample"><p class="prompt" tabindex="0">${prompt}</p><div class="sides">
${answer('before', first.before)}${after.map(({ run, sample }) => answer(runs.length > 1 ? `after ${run.name}` : 'after', sample.after))}</div>
<details><summary>the answers in the data</summary><div class="sides">${answer('preferred', first.chosen)}${answer('other', first.rejected)}</div></details></div>`;
}

const answer = (label: string, text: string | undefined): Html =>
  text === undefined
    ? raw('')
    : html`<div class="answer"><span class="label">${label}</span><pre tabindex="0">${text === '' ? '(nothing)' : text}</pre></div>`;
