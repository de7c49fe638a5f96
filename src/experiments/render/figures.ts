/** Figures as inline SVG: curves with bands of one standard deviation, bars with whiskers, a forest of differences. */
import { largest } from '../../core/extremes.js';
import { html, type Html } from '../../reports/html.js';
import { niceTicks, paddedRange } from '../../reports/ticks.js';
import { percentTick } from '../../reports/numbers.js';
import { meanAndSd } from '../../math/index.js';
import { cellsAt, type Comparison } from '../comparisons.js';
import { pathOf, type Coordinates } from '../cells.js';
import { valuesOf, type FigureView } from '../matrix.js';
import type { MatrixResults } from '../results.js';
import { arrows } from './comparison-text.js';
import { combinationsOf, summarise } from '../summary.js';

const WIDTH = 440;
const HEIGHT = 240;
const EDGE = { left: 50, right: 12, top: 12, bottom: 30 };
const COLORS = 7;

/** One panel for each combination of the panels' axes; panels without a result are left out. */
export function figurePanels(results: MatrixResults, view: FigureView): readonly Html[] {
  return combinationsOf(results.matrix, view.panels).flatMap((at) => {
    const panel = view.kind === 'curves' ? curvesPanel(results, view, at) : barsPanel(results, view, at);
    return panel ?? [];
  });
}

interface CurvePoint {
  readonly step: number;
  readonly mean: number;
  readonly sd: number;
}

function curvesPanel(results: MatrixResults, view: FigureView, at: Coordinates): Html | undefined {
  const lines = valuesOf(results.matrix, view.lines).map((name, color) => ({
    name,
    color: color % COLORS,
    points: meanCurve(results, { ...at, [view.lines]: name }, view.measure),
  }));
  const shown = lines.filter(({ points }) => points.length > 0);
  if (shown.length === 0) return undefined;
  const all = shown.flatMap(({ points }) => points);
  const lastStep = largest(
    all.map(({ step }) => step),
    1,
  );
  const x = scaleOf([0, lastStep], EDGE.left, WIDTH - EDGE.right);
  const [low, high] = paddedRange(all.flatMap(({ mean, sd }) => [mean - sd, mean + sd]));
  const y = scaleOf([low, high], HEIGHT - EDGE.bottom, EDGE.top);
  const drawn = shown.map(({ points, color }) => {
    const upper = points.map(({ step, mean, sd }) => `${pixel(x(step))},${pixel(y(mean + sd))}`);
    const lower = points.map(({ step, mean, sd }) => `${pixel(x(step))},${pixel(y(mean - sd))}`).reverse();
    const path = points
      .map(({ step, mean }, i) => `${i === 0 ? 'M' : 'L'}${pixel(x(step))} ${pixel(y(mean))}`)
      .join('');
    return html`<polygon class="band c${color}" points="${[...upper, ...lower].join(' ')}"/><path class="line c${color}" d="${path}"/>`;
  });
  return frame(
    pathOf(at) || view.title,
    shown,
    html`${grid(low, high, y, view.percent)}${drawn}${xTicks(x, lastStep)}`,
  );
}

/** Mean and spread over the seeds at every step that all seeds were evaluated at. */
function meanCurve({ cells }: MatrixResults, at: Coordinates, measure: string): readonly CurvePoint[] {
  const curves = cellsAt(cells, at).map(
    ({ outcome }) => new Map(outcome.curve.map(({ step, measures }) => [step, measures[measure]])),
  );
  const [first] = curves;
  if (first === undefined) return [];
  return [...first.keys()].flatMap((step) => {
    const values = curves
      .map((curve) => curve.get(step))
      .filter((value) => value !== undefined && Number.isFinite(value));
    if (values.length < curves.length) return [];
    const { mean, sd } = meanAndSd(values as number[]);
    return [{ step, mean, sd: Number.isNaN(sd) ? 0 : sd }];
  });
}

function barsPanel(results: MatrixResults, view: FigureView, at: Coordinates): Html | undefined {
  const bars = valuesOf(results.matrix, view.lines).map((name, i) => ({
    name,
    color: i % COLORS,
    ...summarise(results.matrix, results.cells, { ...at, [view.lines]: name }, view.measure),
  }));
  const shown = bars.filter(({ values }) => values.length > 0);
  if (shown.length === 0) return undefined;
  const [low, high] = paddedRange(shown.flatMap(({ mean, sd }) => [mean - (sd || 0), mean + (sd || 0)]));
  const y = scaleOf([low, high], HEIGHT - EDGE.bottom, EDGE.top);
  const width = (WIDTH - EDGE.left - EDGE.right) / shown.length;
  const drawn = shown.map(({ name, color, mean, sd }, i) => {
    const [left, middle] = [EDGE.left + i * width + 0.15 * width, EDGE.left + (i + 0.5) * width];
    const spread = Number.isNaN(sd) ? 0 : sd;
    return html`<rect class="column c${color}" x="${pixel(left)}" width="${pixel(0.7 * width)}" y="${pixel(y(mean))}" height="${pixel(Math.max(0, y(low) - y(mean)))}"><title>${name}: ${mean.toFixed(3)}</title></rect>
<line class="whisker" x1="${pixel(middle)}" x2="${pixel(middle)}" y1="${pixel(y(mean - spread))}" y2="${pixel(y(mean + spread))}"/>`;
  });
  return frame(pathOf(at) || view.title, shown, html`${grid(low, high, y, view.percent)}${drawn}`);
}

/** Differences with their intervals, one line each: what is shown lies on one side of 0 with its whole interval. */
export function forestPlot(comparisons: readonly Comparison[], title: string): Html | undefined {
  const shown = comparisons.filter(({ paired }) => paired.interval.every(Number.isFinite));
  if (shown.length === 0) return undefined;
  const [labels, row] = [220, 22];
  const height = shown.length * row + 40;
  const [low, high] = paddedRange([0, ...shown.flatMap(({ paired }) => [...paired.interval])]);
  const x = scaleOf([low, high], labels, 2 * WIDTH - EDGE.right);
  const rows = shown.map(({ where, method, baseline, paired, verdict }, i) => {
    const y = 16 + i * row;
    const [from, to] = paired.interval;
    return html`<text class="tick" x="${labels - 8}" y="${y + 4}" text-anchor="end">${arrows(pathOf(where))} ${method} − ${baseline}</text>
<line class="interval ${verdict}" x1="${pixel(x(from))}" x2="${pixel(x(to))}" y1="${y}" y2="${y}"/>
<circle class="estimate ${verdict}" cx="${pixel(x(paired.difference))}" cy="${y}" r="4"><title>${(100 * paired.difference).toFixed(1)} points, ${verdict}</title></circle>`;
  });
  const ticks = niceTicks(low, high, 7).map(
    (value) =>
      html`<text class="tick" x="${pixel(x(value))}" y="${height - 8}" text-anchor="middle">${percentTick(value)}</text>`,
  );
  return html`<figure class="chart wide"><figcaption><h3>${title}</h3></figcaption>
<svg viewBox="0 0 ${2 * WIDTH} ${height}" role="img" aria-label="${title}"><line class="zero" x1="${pixel(x(0))}" x2="${pixel(x(0))}" y1="4" y2="${height - 24}"/>${rows}${ticks}</svg></figure>`;
}

const scaleOf =
  ([low, high]: readonly [number, number], from: number, to: number) =>
  (value: number): number =>
    from + ((value - low) / (high - low)) * (to - from);

const pixel = (value: number): string => value.toFixed(1);

function grid(low: number, high: number, y: (value: number) => number, percent: boolean): readonly Html[] {
  return niceTicks(low, high, 5).map(
    (
      value,
    ) => html`<line class="grid" x1="${EDGE.left}" x2="${WIDTH - EDGE.right}" y1="${pixel(y(value))}" y2="${pixel(y(value))}"/>
<text class="tick" x="${EDGE.left - 6}" y="${pixel(y(value) + 3.5)}" text-anchor="end">${percent ? percentTick(value) : value}</text>`,
  );
}

const xTicks = (x: (value: number) => number, last: number): readonly Html[] =>
  niceTicks(0, last, 5).map(
    (value) => html`<text class="tick" x="${pixel(x(value))}" y="${HEIGHT - 10}" text-anchor="middle">${value}</text>`,
  );

function frame(
  title: string,
  shown: readonly { readonly name: string; readonly color: number }[],
  content: Html,
): Html {
  const legend = shown.map(({ name, color }) => html`<li><span class="swatch c${color}"></span>${name}</li>`);
  return html`<figure class="chart"><figcaption><h3>${arrows(title)}</h3><ul class="legend">${legend}</ul></figcaption>
<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${title}">${content}</svg></figure>`;
}
