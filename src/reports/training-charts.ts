/** How training went: loss, margins and the three accuracies over optimizer steps. */
import { largest } from '../core/extremes.js';
import { html, type Html } from './html.js';
import { lineChart, type Line } from './line-chart.js';
import { percentText } from '../core/quantities.js';
import { percentTick } from './numbers.js';
import type { ReportRun } from './report-run.js';
import { curve, smooth, thin } from './series.js';

const MAX_POINTS = 300;

/** Charts of one run or of several in different colours. Long curves are thinned to 300 points. */
export function trainingCharts(runs: readonly ReportRun[]): Html {
  const label = (run: ReportRun, what: string): string => (runs.length > 1 ? `${run.name}, ${what}` : what);
  const trained = (name: string): Line[] =>
    runs.flatMap((run, color) => {
      const points = thin(curve(run.metrics, name), MAX_POINTS);
      return [
        { name: label(run, 'training'), points, color, style: 'faint' as const },
        { name: label(run, 'training'), points: smooth(points), color },
      ];
    });
  const heldOut = (name: string, offset = 0): Line[] =>
    runs.map((run, index) => ({
      name: label(run, 'held out'),
      points: curve(run.metrics, `eval_${name}`),
      color: index + offset,
      style: 'dots' as const,
    }));
  const marks = runs.length === 1 ? runs[0]?.wentOn : undefined; // of several runs nobody could tell whose they are
  const accuracy = (name: string, title: string, caption: string): Html | undefined =>
    lineChart({
      title,
      caption,
      marks,
      lines: [...heldOut(name), ...lengthBaseline(runs)],
      format: percentText,
      tickFormat: percentTick,
      low: 0,
      high: 1,
    });
  const single = runs.length === 1 ? 1 : 0;
  return html`<div class="charts">
${lineChart({
  title: 'Loss',
  marks,
  lines: [...trained('loss'), ...heldOut('loss', single)],
  caption:
    'Lower is better. Pale: each step. Line: smoothed. Dots: pairs that are never trained on; when they rise while training falls, the model learns by heart.',
})}
${lineChart({
  title: "Margin of the method's own reward",
  marks,
  lines: [...trained('rewards/margins'), ...heldOut('rewards/margins', single)],
  caption: 'How far the preferred answer is ahead of the other one. Above 0: ahead.',
})}
${accuracy('accuracies/per_token', 'Accuracy without any reference', 'Held-out pairs where the model finds the preferred answer more likely per token.')}
${accuracy('accuracies/refm1', 'Accuracy against the starting point', 'Held-out pairs where training raised the preferred answer more than the other one. It starts at 0: nothing has moved yet.')}
${accuracy('rewards/accuracies', "Accuracy by the method's own reward", 'With several references this does not start at 0: the first dot is what the references alone decide.')}
${lineChart({
  title: 'Log-probability of the answers',
  marks,
  lines: runs.flatMap((run, index) => [
    {
      name: label(run, 'preferred'),
      points: curve(run.metrics, 'eval_logps/chosen'),
      color: 2 * index + 0,
      style: 'dots' as const,
    },
    {
      name: label(run, 'other'),
      points: curve(run.metrics, 'eval_logps/rejected'),
      color: 2 * index + 1,
      style: 'dots' as const,
    },
  ]),
  caption: 'Held-out pairs, sum over tokens. When both fall far, the model drifts away from fluent text.',
})}
</div>`;
}

function lengthBaseline(runs: readonly ReportRun[]): Line[] {
  const [run] = runs;
  const lastStep = largest(
    runs.flatMap(({ metrics }) => metrics.map((line) => Number(line['step']) || 0)),
    0,
  );
  if (run?.longerIsChosen === undefined || lastStep === 0) return [];
  const y = run.longerIsChosen;
  return [
    {
      name: 'longer answer',
      points: [
        { x: 0, y },
        { x: lastStep, y },
      ],
      color: 6,
      style: 'dashed',
    },
  ];
}
