/** The metrics of held-out pairs on one line, and before and after as a small table. */
import { largest } from '../core/extremes.js';
import { percentText } from '../core/quantities.js';
import type { MetricName, Metrics } from '../objectives/metrics.js';

const number = (value: number | undefined): string => (value === undefined ? '–' : value.toFixed(4));

const ROWS: readonly {
  readonly label: string;
  readonly name: MetricName;
  readonly format: (value: number | undefined) => string;
}[] = [
  { label: 'accuracy, own reward', name: 'rewards/accuracies', format: percentText },
  { label: 'accuracy, reward against RefM1', name: 'accuracies/refm1', format: percentText },
  { label: 'accuracy, no reference, per token', name: 'accuracies/per_token', format: percentText },
  { label: 'margin, own reward', name: 'rewards/margins', format: number },
  { label: 'margin against RefM1 (nats)', name: 'margins/refm1', format: number },
  { label: 'loss', name: 'loss', format: number },
];

/** "loss 0.6931, margin 0.0000, accuracies own 0.0 %, RefM1 0.0 %, no reference 51.2 %". */
export function metricText(measures: Metrics): string {
  const accuracies = `own ${percentText(measures['rewards/accuracies'])}, RefM1 ${percentText(measures['accuracies/refm1'])}, no reference ${percentText(measures['accuracies/per_token'])}`;
  return `loss ${number(measures['loss'])}, margin ${number(measures['rewards/margins'])}, accuracies ${accuracies}`;
}

/** What any accuracy must beat. @param longerIsChosen Share of the held-out pairs. */
export function baselineText(longerIsChosen: number): string {
  return `  the longer response is the chosen one in ${percentText(longerIsChosen)} of the pairs`;
}

/** A table with one column of measures, or two. */
export function metricTable(columns: readonly { readonly title: string; readonly measures: Metrics }[]): string {
  const shown = ROWS.filter(({ name }) => columns.some(({ measures }) => measures[name] !== undefined));
  const width = largest(
    shown.map(({ label }) => label.length),
    0,
  );
  const line = (label: string, cells: readonly string[]): string =>
    `  ${label.padEnd(width)}${cells.map((cell) => cell.padStart(12)).join('')}`;
  return [
    line(
      '',
      columns.map(({ title }) => title),
    ),
    ...shown.map(({ label, name, format }) =>
      line(
        label,
        columns.map(({ measures }) => format(measures[name])),
      ),
    ),
  ].join('\n');
}
