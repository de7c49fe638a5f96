/** Shares against the width of the trust region, one line per pooling: inline SVG, no script. */
import { html, type Html } from '../html.js';
import { percentText } from '../../core/quantities.js';
import { niceTicks, paddedRange } from '../ticks.js';

/** One curve over widths of the trust region. */
export interface EpsilonLine {
  readonly name: string;
  /** Which of the page's colours, from 0. */
  readonly color: number;
  /** Dashed: a level to compare with. */
  readonly dashed?: boolean | undefined;
  readonly points: readonly { readonly epsilon: number; readonly value: number }[];
}

/** What the chart shows. */
export interface EpsilonChartOptions {
  readonly title: string;
  readonly caption: string;
  readonly lines: readonly EpsilonLine[];
  /** Text of a value. Default: percent of a share. */
  readonly format?: ((value: number) => string) | undefined;
}

const WIDTH = 460;
const HEIGHT = 250;
const EDGE = { left: 52, right: 14, top: 10, bottom: 36 };

/** Widths are drawn at equal steps, whatever their values: the small ones matter most and lie close together. */
export function epsilonChart(options: EpsilonChartOptions): Html {
  const format = options.format ?? percentText;
  const epsilons = [...new Set(options.lines.flatMap(({ points }) => points.map(({ epsilon }) => epsilon)))].sort(
    (a, b) => a - b,
  );
  const [low, high] = paddedRange(options.lines.flatMap(({ points }) => points.map(({ value }) => value)));
  const x = (epsilon: number): number =>
    EDGE.left + (epsilons.indexOf(epsilon) / Math.max(1, epsilons.length - 1)) * (WIDTH - EDGE.left - EDGE.right);
  const y = (value: number): number =>
    HEIGHT - EDGE.bottom - ((value - low) / (high - low)) * (HEIGHT - EDGE.top - EDGE.bottom);
  return html`<figure class="chart">
<figcaption><h3>${options.title}</h3><ul class="legend">${options.lines.map(
    ({ name, color, dashed }) =>
      html`<li><span class="swatch ${dashed === true ? 'dashed' : 'plain'} c${color}"></span>${name}</li>`,
  )}</ul></figcaption>
<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${options.title}">
${niceTicks(low, high, 5).map((tick) => html`<line class="grid" x1="${EDGE.left}" x2="${WIDTH - EDGE.right}" y1="${at(y(tick))}" y2="${at(y(tick))}"/><text class="tick" x="${EDGE.left - 6}" y="${at(y(tick) + 3.5)}" text-anchor="end">${format(tick)}</text>`)}
${epsilons.map((epsilon) => html`<text class="tick" x="${at(x(epsilon))}" y="${HEIGHT - EDGE.bottom + 16}" text-anchor="middle">${epsilon}</text>`)}
<text class="tick" x="${WIDTH - EDGE.right}" y="${HEIGHT - 4}" text-anchor="end">width of the trust region (epsilon_max)</text>
${options.lines.map(({ name, color, dashed, points }) => {
  const path = points
    .map(({ epsilon, value }, i) => `${i === 0 ? 'M' : 'L'}${at(x(epsilon))} ${at(y(value))}`)
    .join('');
  const marks = dashed === true ? [] : points;
  return html`<path class="line ${dashed === true ? 'dashed' : 'plain'} c${color}" d="${path}"/>${marks.map(
    ({ epsilon, value }) =>
      html`<circle class="mark c${color}" cx="${at(x(epsilon))}" cy="${at(y(value))}" r="3.2"><title>${name}, ${epsilon}: ${format(value)}</title></circle>`,
  )}`;
})}
</svg>
<p class="caption">${options.caption}</p>
</figure>`;
}

const at = (pixels: number): string => pixels.toFixed(1);
