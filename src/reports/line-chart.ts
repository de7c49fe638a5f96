/** A line chart as inline SVG: no script, no network, colours from the page's style sheet so that dark mode works. */
import { largest, smallest } from '../core/extremes.js';
import { html, raw, type Html } from './html.js';
import { numberText } from './numbers.js';
import type { Point } from './series.js';
import { niceTicks, paddedRange } from './ticks.js';

/** One curve of a chart. */
export interface Line {
  readonly name: string;
  readonly points: readonly Point[];
  /** Which of the page's colours, from 0. */
  readonly color: number;
  /** `faint`: the noisy curve behind a smoothed one; `dots`: few points, each marked; `dashed`: a level to compare with. */
  readonly style?: 'faint' | 'dots' | 'dashed' | undefined;
}

/** A vertical line at something that happened. */
export interface Mark {
  readonly x: number;
  /** Shown when pointed at. */
  readonly text: string;
}

/** What a chart shows. Widths and heights are fixed. */
export interface ChartOptions {
  readonly title: string;
  readonly lines: readonly Line[];
  /** Places on the horizontal axis that something happened at. */
  readonly marks?: readonly Mark[] | undefined;
  /** Plain words: what this shows and what to look for. */
  readonly caption: string;
  /** Default: "optimizer step". */
  readonly xLabel?: string | undefined;
  /** Text of values in tooltips. Default: a number as {@link numberText} writes it. */
  readonly format?: ((value: number) => string) | undefined;
  /** Text of the ticks of the vertical axis. Default: as `format`. */
  readonly tickFormat?: ((value: number) => string) | undefined;
  /** Lower end of the vertical axis. Default: just below the points. */
  readonly low?: number | undefined;
  /** Upper end of the vertical axis. Default: just above the points. */
  readonly high?: number | undefined;
}

const WIDTH = 460;
const HEIGHT = 250;
const EDGE = { left: 52, right: 12, top: 10, bottom: 34 };

/** The chart, or nothing if no line has a point. */
export function lineChart(options: ChartOptions): Html | undefined {
  const lines = options.lines.filter(({ points }) => points.length > 0);
  if (lines.length === 0) return undefined;
  const format = options.format ?? numberText;
  const tickFormat = options.tickFormat ?? format;
  const xs = lines.flatMap(({ points }) => points.map(({ x }) => x));
  const left = smallest(xs);
  const right = largest(xs, left + 1);
  const [low, high] = paddedRange(
    lines.flatMap(({ points }) => points.map(({ y }) => y)),
    options,
  );
  const px = (x: number): number => EDGE.left + ((x - left) / (right - left)) * (WIDTH - EDGE.left - EDGE.right);
  const py = (y: number): number =>
    HEIGHT - EDGE.bottom - ((y - low) / (high - low)) * (HEIGHT - EDGE.top - EDGE.bottom);
  const yTicks = niceTicks(low, high, 5);
  const xTicks = niceTicks(left, right, 6).filter(Number.isInteger);
  return html`<figure class="chart">
<figcaption><h3>${options.title}</h3>${legend(lines)}</figcaption>
<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${options.title}">
${yTicks.map((y) => horizontal(py(y), tickFormat(y)))}
${xTicks.map((x) => html`<text class="tick" x="${at(px(x))}" y="${HEIGHT - EDGE.bottom + 16}" text-anchor="middle">${x}</text>`)}
<text class="tick" x="${WIDTH - EDGE.right}" y="${HEIGHT - 4}" text-anchor="end">${options.xLabel ?? 'optimizer step'}</text>
${(options.marks ?? []).filter(({ x }) => x >= left && x <= right).map((mark) => vertical(px(mark.x), mark.text))}
${lines.map((line) => drawLine(line, px, py, format))}
</svg>
<p class="caption">${options.caption}</p>
</figure>`;
}

/** A line of the grid with its number. */
function horizontal(y: number, label: string): Html {
  return html`<line class="grid" x1="${EDGE.left}" x2="${WIDTH - EDGE.right}" y1="${at(y)}" y2="${at(y)}"/>
<text class="tick" x="${EDGE.left - 6}" y="${at(y + 3.5)}" text-anchor="end">${label}</text>`;
}

function vertical(x: number, text: string): Html {
  return html`<line class="event" x1="${at(x)}" x2="${at(x)}" y1="${EDGE.top}" y2="${HEIGHT - EDGE.bottom}"><title>${text}</title></line>`;
}

function drawLine(
  line: Line,
  px: (x: number) => number,
  py: (y: number) => number,
  format: (value: number) => string,
): Html {
  const kind = line.style ?? 'plain';
  const path = line.points.map(({ x, y }, i) => `${i === 0 ? 'M' : 'L'}${at(px(x))} ${at(py(y))}`).join('');
  const marks = kind === 'dots' || line.points.length === 1 ? line.points : [];
  return html`<path class="line ${kind} c${line.color}" d="${path}"/>${marks.map(
    ({ x, y }) =>
      html`<circle class="mark c${line.color}" cx="${at(px(x))}" cy="${at(py(y))}" r="3.2"><title>${line.name}, step ${x}: ${format(y)}</title></circle>`,
  )}`;
}

/** Faint curves belong to the line drawn over them and are not named twice. */
function legend(lines: readonly Line[]): Html {
  const named = lines.filter(({ style }) => style !== 'faint');
  if (named.length < 2) return raw('');
  return html`<ul class="legend">${named.map(({ name, color, style }) => html`<li><span class="swatch ${style ?? 'plain'} c${color}"></span>${name}</li>`)}</ul>`;
}

const at = (pixels: number): string => pixels.toFixed(1);
