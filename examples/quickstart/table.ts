/** The quickstart's one table, for the terminal and for the report. */
import type { Metrics } from 'mrpo';
import type { Marks } from './check-answers.js';

/** A column of the table: a policy's measures on held-out pairs, and its marks for generated answers. */
export interface Column {
  readonly title: string;
  readonly measures: Metrics;
  readonly marks: Marks;
  /** The same policy by the same reward before training; absent for the policy that is the start itself. */
  readonly start?: Metrics;
}

export interface Table {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

const percent = (share: number | undefined): string => (share === undefined ? '-' : `${(100 * share).toFixed(1)} %`);
const nats = (value: number | undefined): string => (value === undefined ? '-' : value.toFixed(2));
const marks = ({ right, asked }: { right: number; asked: number }): string => `${right} of ${asked}`;

/**
 * Rows: three accuracies, the margin, answers right (in all and by skill); and what an accuracy must be compared with,
 * which is not 50 %: what the references alone give before training, and betting on the longer answer.
 */
export function resultTable(columns: readonly Column[], longerIsChosen: number): Table {
  const row = (label: string, cell: (column: Column) => string): readonly string[] => [label, ...columns.map(cell)];
  const skills = Object.keys(columns[0]?.marks.bySkill ?? {});
  return {
    columns: ['on held-out pairs', ...columns.map(({ title }) => title)],
    rows: [
      row('accuracy, own reward', ({ measures }) => percent(measures['rewards/accuracies'])),
      row('    before training', ({ start }) => percent(start?.['rewards/accuracies'])),
      row('accuracy, reward against RefM1', ({ measures }) => percent(measures['accuracies/refm1'])),
      row('accuracy, no reference, per token', ({ measures }) => percent(measures['accuracies/per_token'])),
      row('    of betting on the longer answer', () => percent(longerIsChosen)),
      row('margin against RefM1 (nats)', ({ measures }) => nats(measures['margins/refm1'])),
      row('generated answers right', (column) => marks(column.marks)),
      ...skills.map((skill) =>
        row(`    ${skill}`, (column) => marks(column.marks.bySkill[skill] ?? { right: 0, asked: 0 })),
      ),
    ],
  };
}

/** The table as lines of text. */
export function tableText({ columns, rows }: Table): string {
  const lines = [columns, ...rows];
  const widths = columns.map((_, i) => Math.max(...lines.map((line) => line[i]?.length ?? 0)));
  const pad = (cell: string, i: number): string =>
    i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart((widths[i] ?? 0) + 3);
  return lines.map((line) => `  ${line.map(pad).join('')}`).join('\n');
}
