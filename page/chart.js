/** One chart: uPlot on a canvas, with names that can be switched off, and values for those who do not see it. */
import { html, useEffect, useRef, useState } from './lib/preact.js';
import uPlot from './lib/uplot.js';
import { formatOf } from './format.js';
import { joined, smooth } from './series.js';

const HEIGHT = 240;
const COLORS = 7;
const colorOf = (index) =>
  getComputedStyle(document.documentElement)
    .getPropertyValue(`--c${index % COLORS}`)
    .trim();
const inkOf = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/** The drawn lines of a chart: of one run each line has its colour, of several runs each run. */
function linesOf(definition, runs) {
  const several = runs.length > 1;
  const apart = definition.lines.length > 1 && definition.lines.every(({ style }) => style === 'dots');
  const lines = runs.flatMap(({ name, series }, index) =>
    definition.lines.map((line, position) => {
      const color = several ? (apart ? definition.lines.length * index + position : index) : position;
      const curve = series.get(line.metric);
      return { ...line, name: several ? `${name}, ${line.name}` : line.name, color, curve };
    }),
  );
  const found = lines.filter(({ curve }) => curve.x.length > 0);
  const longer = runs.find(({ longerIsChosen }) => longerIsChosen !== undefined)?.longerIsChosen;
  if (!definition.lengthBaseline || longer === undefined || found.length === 0) return found;
  const last = Math.max(1, ...runs.map(({ series }) => series.lastStep()));
  return [...found, { name: 'longer answer', style: 'dashed', color: 6, curve: { x: [0, last], y: [longer, longer] } }];
}

/** uPlot's columns and series; a smoothed line is two, the pale one first. */
function drawing(lines, hidden) {
  const drawn = lines.flatMap((line) => {
    const shown = !hidden.includes(line.name);
    const base = {
      label: line.name,
      stroke: colorOf(line.color),
      show: shown,
      spanGaps: true,
      points: { show: false },
    };
    const { x, y } = line.curve;
    if (line.style === 'smoothed')
      return [
        { curve: { x, y }, series: { ...base, alpha: 0.25, width: 1 } },
        { curve: { x, y: smooth(y) }, series: { ...base, width: 2 } },
      ];
    if (line.style === 'dots')
      return [
        { curve: { x, y }, series: { ...base, width: 2, points: { show: true, size: 7, fill: colorOf(line.color) } } },
      ];
    return [{ curve: { x, y }, series: { ...base, width: 1.5, dash: line.style === 'dashed' ? [5, 5] : undefined } }];
  });
  return { data: joined(drawn.map(({ curve }) => curve)), series: [{}, ...drawn.map(({ series }) => series)] };
}

export function Chart({ definition, runs, version, theme }) {
  const holder = useRef();
  const plot = useRef();
  const [hidden, setHidden] = useState([]);
  const [reading, setReading] = useState('');
  const format = formatOf(definition.unit);
  const lines = linesOf(definition, runs);
  const names = lines.map(({ name }) => name).join('|');
  const last = lines.map(({ name, curve }) => `${name} ${format(curve.y.at(-1))} at step ${curve.x.at(-1)}`).join(', ');
  const at = (step) =>
    lines
      .flatMap(({ name, curve }) => {
        const i = curve.x.indexOf(step);
        return i < 0 ? [] : [`${name} ${format(curve.y[i])}`];
      })
      .join(', ');

  // A new plot where lines come or go, colours or width change; else only new data.
  useEffect(() => {
    if (lines.length === 0) return undefined;
    const { data, series } = drawing(lines, hidden);
    const axis = {
      stroke: inkOf('--soft'),
      grid: { stroke: inkOf('--rule'), width: 1 },
      ticks: { show: false },
      font: '11px system-ui',
    };
    const options = {
      width: holder.current.clientWidth,
      height: HEIGHT,
      series,
      cursor: { sync: { key: 'steps' }, drag: { x: true, y: false } },
      legend: { show: false },
      scales: { x: { time: false }, y: { range: rangeOf(definition) } },
      axes: [
        { ...axis, size: 30 },
        { ...axis, size: 64, values: (_, ticks) => ticks.map((tick) => format(tick)) },
      ],
      hooks: {
        setCursor: [
          ({ cursor: { idx }, data: [steps] }) =>
            setReading(idx === null || idx === undefined ? '' : readingOf(steps[idx])),
        ],
      },
    };
    plot.current = new uPlot(options, data, holder.current);
    const resize = new ResizeObserver(() =>
      plot.current?.setSize({ width: holder.current.clientWidth, height: HEIGHT }),
    );
    resize.observe(holder.current);
    return () => {
      resize.disconnect();
      plot.current.destroy();
      plot.current = undefined;
    };
  }, [names, theme, hidden.join('|'), definition.title]);
  useEffect(() => {
    if (plot.current !== undefined) plot.current.setData(drawing(lines, hidden).data);
  }, [version]);

  const readingOf = (step) => (step === undefined ? '' : `step ${step}: ${at(step)}`);
  const move = (event) => {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    const steps = plot.current?.data[0];
    if (by === undefined || steps === undefined) return;
    event.preventDefault();
    const from = plot.current.cursor.idx ?? (by > 0 ? -1 : steps.length);
    const idx = Math.min(steps.length - 1, Math.max(0, from + by));
    plot.current.setCursor({ left: plot.current.valToPos(steps[idx], 'x'), top: 10 });
    setReading(readingOf(steps[idx]));
  };
  if (lines.length === 0) return null;
  const toggle = (name) =>
    setHidden(hidden.includes(name) ? hidden.filter((other) => other !== name) : [...hidden, name]);
  return html`<figure class="chart">
    <figcaption>
      <h3>${definition.title}</h3>
      <span>${lines.map(
        ({ name, style, color }) =>
          html`<button type="button" class="line-toggle" aria-pressed=${!hidden.includes(name)} onClick=${() => toggle(name)}>
            <span class=${`swatch ${style} c${color % COLORS}`}></span>${name}
          </button>`,
      )}</span>
    </figcaption>
    <div class="plot" ref=${holder} tabindex="0" role="img" onKeyDown=${move}
      aria-label=${`${definition.title}: ${last}. Left and right arrows read single steps.`}></div>
    <p class="reading" aria-live="polite">${reading}</p>
    <p class="caption">${definition.caption}</p>
  </figure>`;
}

/** The range of the data with a little room, or the fixed ends that a chart has. */
const rangeOf =
  ({ low, high }) =>
  (_, min, max) => {
    if (min === null || max === null) return [low ?? 0, high ?? 1];
    const room = 0.06 * (max - min || Math.abs(max) || 1);
    return [low ?? min - room, high ?? max + room];
  };
