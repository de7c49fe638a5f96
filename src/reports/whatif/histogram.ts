/** Two groups of values as overlaid histograms: inline SVG, no script. */
import { largest } from '../../core/extremes.js';
import { html, type Html } from '../html.js';
import { numberText } from '../numbers.js';
import { niceTicks } from '../ticks.js';

/** The values of one group of pairs. */
export interface HistogramGroup {
  readonly name: string;
  /** Which of the page's colours, from 0. */
  readonly color: number;
  readonly values: Float64Array;
}

/** What the histogram shows; the scale is symmetric around 0. */
export interface HistogramOptions {
  readonly title: string;
  readonly caption: string;
  readonly xLabel: string;
  readonly groups: readonly HistogramGroup[];
}

const WIDTH = 460;
const HEIGHT = 250;
const EDGE = { left: 14, right: 14, top: 10, bottom: 36 };
const BINS = 41;

/** Of all values together the outermost 1 % at each end are drawn in the last bin, so that a few do not flatten the rest. */
export function histogram(options: HistogramOptions): Html {
  const all = Float64Array.from(options.groups.flatMap(({ values }) => Array.from(values))).sort();
  const reach =
    Math.max(Math.abs(all[Math.floor(0.01 * all.length)] ?? 0), Math.abs(all[Math.ceil(0.99 * all.length) - 1] ?? 0)) ||
    1;
  const counts = options.groups.map(({ values }) => binCounts(values, reach));
  const highest = largest(counts.flat(), 1);
  const x = (value: number): number => EDGE.left + ((value + reach) / (2 * reach)) * (WIDTH - EDGE.left - EDGE.right);
  const height = (count: number): number => (count / highest) * (HEIGHT - EDGE.top - EDGE.bottom);
  const width = (WIDTH - EDGE.left - EDGE.right) / BINS;
  const floor = HEIGHT - EDGE.bottom;
  return html`<figure class="chart">
<figcaption><h3>${options.title}</h3><ul class="legend">${options.groups.map(({ name, color }) => html`<li><span class="swatch plain c${color}"></span>${name}</li>`)}</ul></figcaption>
<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${options.title}">
${options.groups.map(({ name, color }, group) =>
  (counts[group] ?? []).map((count, bin) =>
    count === 0
      ? undefined
      : html`<rect class="mark c${color}" opacity="0.6" x="${(EDGE.left + bin * width).toFixed(1)}" y="${(floor - height(count)).toFixed(1)}" width="${width.toFixed(1)}" height="${height(count).toFixed(1)}"><title>${name}: ${count} pairs near ${numberText((2 * reach * (bin + 0.5)) / BINS - reach)}</title></rect>`,
  ),
)}
<line class="grid" x1="${x(0).toFixed(1)}" x2="${x(0).toFixed(1)}" y1="${EDGE.top}" y2="${floor}"/>
${niceTicks(-reach, reach, 6).map((tick) => html`<text class="tick" x="${x(tick).toFixed(1)}" y="${floor + 16}" text-anchor="middle">${numberText(tick)}</text>`)}
<text class="tick" x="${WIDTH - EDGE.right}" y="${HEIGHT - 4}" text-anchor="end">${options.xLabel}</text>
</svg>
<p class="caption">${options.caption}</p>
</figure>`;
}

function binCounts(values: Float64Array, reach: number): number[] {
  const counts = new Array<number>(BINS).fill(0);
  for (const value of values) {
    const bin = Math.floor(((value + reach) / (2 * reach)) * BINS);
    counts[Math.min(BINS - 1, Math.max(0, bin))]! += 1;
  }
  return counts;
}
