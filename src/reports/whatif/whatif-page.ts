/** The what-if sweep as one HTML file: no network, no script, for readers who have never heard of a log-prob. */
import type { SettingResult, Whatif } from '../../references/index.js';
import { html, type Html } from '../html.js';
import { percentText } from '../../core/quantities.js';
import { numberText } from '../numbers.js';
import { STYLE } from '../style.js';
import { epsilonChart, type EpsilonLine } from './epsilon-chart.js';
import { histogram } from './histogram.js';
import { intervalBars } from './interval-bars.js';

const GROUP_TITLES = {
  configured: 'As configured',
  'trust region': 'Another trust region',
  weights: 'Other weights',
  pooling: 'Another pooling',
  references: 'Fewer references',
  grid: 'Combinations',
} as const;

/** The page as HTML text. @param title E.g. the name of the configuration file. */
export function whatifPage(whatif: Whatif, title: string): string {
  return `<!doctype html>\n${
    html`<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>What if: ${title}</title><style>${{ html: STYLE }}</style></head>
<body><main>
<h1>What if: ${title}</h1>
<p class="soft">${whatif.usable.toLocaleString('en-US')} of ${whatif.pairs.toLocaleString('en-US')} pairs, references ${whatif.references.join(', ')}, beta ${whatif.beta}. Nothing was trained: all of this follows from the references' scores.</p>
${whatif.assumed === undefined ? [] : [html`<p><b>Note:</b> ${whatif.assumed}.</p>`]}
${cards(whatif)}
<h2>How to read this</h2>
<p>Every pair has an answer that people preferred and one that they did not. Training with the first reference alone is called DPO. Adding references changes one thing only: each pair gets a fixed <b>head start</b>, a number that is added to what DPO measures for it, before, during and after training.</p>
<p>A positive head start tells the training that the pair is partly learnt already, so it pulls less; a negative one makes it pull more. A head start also shows up in the reported accuracy, although the model has learnt nothing from it. That is why every trained accuracy should be compared with the step-0 accuracy below and with the simple rule "the longer answer is the preferred one".</p>
<div class="charts">${charts(whatif)}</div>
${Object.entries(GROUP_TITLES).map(([group, name]) =>
  groupTable(
    name,
    whatif.results.filter(({ setting }) => setting.group === group),
  ),
)}
<footer>Definitions: MRPO, arXiv 2405.16388, Eq. 7 to 10. Intervals are 95 % Wilson intervals.</footer>
</main></body></html>`.html
  }\n`;
}

function cards({ results, longerIsChosen, dpoStepZeroAccuracy }: Whatif): Html {
  const configured = results[0];
  const card = (label: string, value: string, explanation: string): Html =>
    html`<div class="card"><div class="label">${label}</div><div class="value">${value}</div><p class="note">${explanation}</p></div>`;
  return html`<div class="cards">
${card('accuracy at step 0', percentText(configured?.stepZeroAccuracy?.share), 'What the configured setting reports before any training. Trained accuracies start here, not at 50 %.')}
${card('the same under DPO', percentText(dpoStepZeroAccuracy?.share), 'With the policy itself as the first reference every pair is a tie, which counts as 0 %.')}
${card('the longer answer', percentText(longerIsChosen.share), 'Accuracy of always betting on the longer answer: the rule to beat.')}
${card('the pooled reference', percentText(configured?.virtualAccuracy.share), 'How often the references together find the preferred answer likelier.')}
${card('mean head start', signed(configured?.offset.mean ?? NaN), `On average per pair; half of the pairs are above ${signed(configured?.offset.median ?? NaN)}.`)}
</div>`;
}

function charts(whatif: Whatif): readonly Html[] {
  const { results, longerIsChosen, configuredOffsets } = whatif;
  const subsets = results.filter(({ setting }) => setting.group === 'references' || setting.group === 'configured');
  return [
    histogram({
      title: `Head starts of the pairs, ${results[0]?.setting.label ?? ''}`,
      caption:
        'Right of the middle: the training takes the pair for partly learnt. If one colour lies to the right and the other to the left, the head start rewards length and not quality.',
      xLabel: 'head start (added to the margin)',
      groups: [
        { name: 'preferred answer is longer', color: 0, values: configuredOffsets.chosenLonger },
        { name: 'preferred answer is shorter', color: 1, values: configuredOffsets.chosenShorter },
      ],
    }),
    ...(subsets.length > 1
      ? [
          intervalBars({
            title: 'Which references help',
            caption:
              'How often the pooled reference itself finds the preferred answer likelier, for different sets of references. Where leaving one out moves the dot to the right, that one hurts. Overlapping lines: the data cannot tell them apart.',
            level: { name: 'longer answer', value: longerIsChosen.share },
            bars: subsets.map(({ setting, virtualAccuracy }, row) => ({
              name: setting.label,
              ...virtualAccuracy,
              color: row === 0 ? 0 : 2,
            })),
          }),
        ]
      : []),
    ...epsilonCharts(whatif),
  ];
}

function epsilonCharts({ results, longerIsChosen }: Whatif): Html[] {
  const swept = results.flatMap((result) => {
    const { clip, group } = { clip: result.setting.clip, group: result.setting.group };
    return group === 'trust region' && clip.mode === 'adaptive' ? [{ epsilon: clip.epsilon_max, result }] : [];
  });
  if (swept.length === 0) return [];
  const line = (name: string, color: number, value: (of: SettingResult) => number | undefined): EpsilonLine => ({
    name,
    color,
    points: swept.flatMap(({ epsilon, result }) => {
      const share = value(result);
      return share === undefined ? [] : [{ epsilon, value: share }];
    }),
  });
  const level: EpsilonLine = { ...line('longer answer', 6, () => longerIsChosen.share), dashed: true };
  return [
    epsilonChart({
      title: 'A wider trust region',
      caption:
        'Left end: DPO, the other references are clipped away. Further right they may stray further from the first. Step-0 accuracy that rises towards the dashed line comes from length, not from learning.',
      lines: [
        line('accuracy at step 0', 0, (of) => of.stepZeroAccuracy?.share),
        line('pooled reference', 1, (of) => of.virtualAccuracy.share),
        level,
      ].filter(({ points }) => points.length > 0),
    }),
    epsilonChart({
      title: 'Size of the head starts',
      caption:
        'Mean head start and its spread over the pairs (standard deviation). Where the spread is large next to what training achieves (a margin of about 1), the references decide more than the training does.',
      format: numberText,
      lines: [line('spread', 3, (of) => of.offset.sd), line('mean', 2, (of) => of.offset.mean)],
    }),
  ];
}

function groupTable(title: string, results: readonly SettingResult[]): Html | undefined {
  if (results.length === 0) return undefined;
  const number = (text: string): Html => html`<td class="number">${text}</td>`;
  return html`<h2>${title}</h2><div class="box"><table><thead><tr><th>setting</th><th class="number">step-0 accuracy</th><th class="number">pooled reference</th><th class="number">mean head start</th><th class="number">spread</th><th class="number">favours longer</th><th class="number">pulls less</th><th class="number">pulls more</th></tr></thead>
<tbody>${results.map(
    ({ setting, stepZeroAccuracy, virtualAccuracy, offset, favoursLonger, weakened, strengthened }) =>
      html`<tr><td>${setting.label}</td>${[
        percentText(stepZeroAccuracy?.share),
        percentText(virtualAccuracy.share),
        signed(offset.mean),
        numberText(offset.sd),
        percentText(favoursLonger.share),
        percentText(weakened),
        percentText(strengthened),
      ].map(number)}</tr>`,
  )}</tbody></table></div>`;
}

const signed = (value: number): string => (value > 0 ? `+${numberText(value)}` : numberText(value));
