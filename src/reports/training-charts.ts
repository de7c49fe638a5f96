/** How training went: the charts of {@link TRAINING_CHARTS} and {@link MACHINE_CHARTS} over optimizer steps. */
import { largest } from '../core/extremes.js';
import { bytesText, percentText } from '../core/quantities.js';
import { MACHINE_CHARTS, TRAINING_CHARTS, type ChartDefinition } from './chart-list.js';
import { html, type Html } from './html.js';
import { lineChart, type Line } from './line-chart.js';
import { percentTick } from './numbers.js';
import type { ReportRun } from './report-run.js';
import { curve, smooth, thin } from './series.js';

const MAX_POINTS = 300;

/** Two sections of charts; a chart that has no point in any run is left out. */
export function trainingCharts(runs: readonly ReportRun[]): Html {
  const machine = MACHINE_CHARTS.flatMap((chart) => drawn(chart, runs) ?? []);
  return html`<div class="charts">
${TRAINING_CHARTS.map((chart) => drawn(chart, runs))}
</div>
${machine.length === 0 ? undefined : html`<h2>What the machine did</h2><div class="charts">${machine}</div>`}`;
}

function drawn(chart: ChartDefinition, runs: readonly ReportRun[]): Html | undefined {
  const { title, caption, unit, low, high, lengthBaseline } = chart;
  const lines = runs.flatMap((run, index) => linesOf(chart, run, index, runs.length > 1));
  if (lines.every(({ points }) => points.length === 0)) return undefined;
  return lineChart({
    title,
    caption,
    low,
    high,
    // Of several runs nobody could tell whose they are.
    marks: runs.length === 1 ? runs[0]?.wentOn : undefined,
    lines: [...lines, ...(lengthBaseline === true ? baselineOf(runs) : [])],
    ...(unit === 'share' && { format: percentText, tickFormat: percentTick }),
    ...(unit === 'bytes' && { format: bytesText }),
  });
}

/** Of one run each line has a colour of its own, of several runs each run; two kinds of dots are told apart always. */
function linesOf({ lines }: ChartDefinition, run: ReportRun, index: number, several: boolean): Line[] {
  const apart = lines.length > 1 && lines.every(({ style }) => style === 'dots');
  return lines.flatMap(({ metric, name: what, style }, position): Line[] => {
    const name = several ? `${run.name}, ${what}` : what;
    const color = several ? (apart ? lines.length * index + position : index) : position;
    const points = curve(run.metrics, metric);
    if (style === 'dots') return [{ name, points, color, style }];
    const few = thin(points, MAX_POINTS);
    if (style === 'plain') return [{ name, points: few, color }];
    return [
      { name, points: few, color, style: 'faint' },
      { name, points: smooth(few), color },
    ];
  });
}

function baselineOf(runs: readonly ReportRun[]): Line[] {
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
