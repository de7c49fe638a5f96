/** Shares with their 95 % intervals, one line each, on a common scale with a mark to compare with: inline SVG. */
import { html, type Html } from '../html.js';
import { percentText } from '../../core/quantities.js';

/** A share, from 0 to 1, with its interval. */
export interface IntervalBar {
  readonly name: string;
  readonly share: number;
  readonly interval: readonly [number, number];
  /** Which of the page's colours, from 0. */
  readonly color: number;
}

/** What the bars show. */
export interface IntervalBarOptions {
  readonly title: string;
  readonly caption: string;
  readonly bars: readonly IntervalBar[];
  /** Drawn as a dashed line through all bars. */
  readonly level: { readonly name: string; readonly value: number };
}

const WIDTH = 460;
const ROW = 26;
const EDGE = { left: 190, right: 52, top: 6, bottom: 22 };

/** One line per bar in the order given, on a scale from 0 to 1. */
export function intervalBars(options: IntervalBarOptions): Html {
  const height = EDGE.top + options.bars.length * ROW + EDGE.bottom;
  const x = (share: number): number => EDGE.left + share * (WIDTH - EDGE.left - EDGE.right);
  return html`<figure class="chart">
<figcaption><h3>${options.title}</h3><ul class="legend"><li><span class="swatch dashed c6"></span>${options.level.name}</li></ul></figcaption>
<svg viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${options.title}">
${[0, 0.25, 0.5, 0.75, 1].map((tick) => html`<line class="grid" x1="${x(tick)}" x2="${x(tick)}" y1="${EDGE.top}" y2="${height - EDGE.bottom}"/><text class="tick" x="${x(tick)}" y="${height - 6}" text-anchor="middle">${percentText(tick)}</text>`)}
${options.bars.map(({ name, share, interval: [low, high], color }, row) => {
  const middle = EDGE.top + (row + 0.5) * ROW;
  return html`<text class="tick" x="${EDGE.left - 8}" y="${middle + 4}" text-anchor="end">${shortened(name)}<title>${name}</title></text>
<path class="line plain c${color}" d="M${x(low).toFixed(1)} ${middle}L${x(high).toFixed(1)} ${middle}"/><circle class="mark c${color}" cx="${x(share).toFixed(1)}" cy="${middle}" r="4.5"><title>${name}: ${percentText(share)}</title></circle>
<text class="tick" x="${WIDTH - EDGE.right + 8}" y="${middle + 4}">${percentText(share)}</text>`;
})}
<path class="line dashed c6" d="M${x(options.level.value).toFixed(1)} ${EDGE.top}L${x(options.level.value).toFixed(1)} ${height - EDGE.bottom}"/>
</svg>
<p class="caption">${options.caption}</p>
</figure>`;
}

const LONGEST_NAME = 30;
const shortened = (name: string): string =>
  name.length <= LONGEST_NAME ? name : `${name.slice(0, LONGEST_NAME - 1)}…`;
