/** A table of the paper as rows and columns of numbers: what Markdown, LaTeX, CSV and HTML are all made from. */
import { pathOf, type Coordinates } from '../cells.js';
import { valuesOf, type TableView } from '../matrix.js';
import { PUBLISHED, type Published } from '../paper/published.js';
import type { MatrixResults } from '../results.js';
import { combinationsOf, summarise, type SummaryCell } from '../summary.js';

/** One number of a table, beside the paper's where that is known. */
export interface TableCell extends SummaryCell {
  readonly published: Published | undefined;
}

/** A table before it has a format. */
export interface TableModel {
  readonly name: string;
  readonly title: string;
  /** 100 for percentages, else 1; `mean`, `sd` and `values` of the cells are without it. */
  readonly factor: number;
  readonly digits: number;
  readonly columns: readonly string[];
  readonly rows: readonly { readonly title: string; readonly cells: readonly TableCell[] }[];
  /** What is inferred in some cells, numbered from 1. */
  readonly marks: readonly string[];
}

/** Fills a table from what is finished; a cell without a finished seed has no values. */
export function tableModel({ matrix, cells }: MatrixResults, view: TableView): TableModel {
  const name = view.name ?? fileName(view.title);
  const columns = combinationsOf(matrix, view.columns);
  const published = PUBLISHED[name] ?? {};
  const rows = valuesOf(matrix, view.rows).map((row) => ({
    title: row,
    cells: columns.map((column) => {
      const at: Coordinates = { ...column, [view.rows]: row };
      // Published numbers go by the axes' order, without seed and single-valued axes.
      const place = pathOf(
        Object.fromEntries(
          Object.keys(matrix.axes).flatMap((axis) => (at[axis] === undefined ? [] : [[axis, at[axis]]])),
        ),
      );
      return { ...summarise(matrix, cells, at, view.measure, seedsOf(cells)), published: published[place] };
    }),
  }));
  return {
    name,
    title: view.title,
    factor: view.percent ? 100 : 1,
    digits: view.percent ? 1 : 2,
    columns: columns.map(pathOf),
    rows,
    marks: [...new Set(rows.flatMap((row) => row.cells.flatMap(({ marks }) => marks)))],
  };
}

/** A title as the name of a file. */
export const fileName = (title: string): string =>
  title
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '');

/** Seeds that anything has been run with: the number a cell is complete at. */
function seedsOf(cells: MatrixResults['cells']): number | undefined {
  const seeds = new Set(cells.map(({ coordinates }) => coordinates['seed'] ?? '0'));
  return seeds.size === 0 ? undefined : seeds.size;
}

/** "97.2 ± 1.7", "97.2" for one run, "97.2 ± 1.7 (3/5)" while runs are missing, "–" without any. */
export function cellText(cell: TableCell, { factor, digits }: TableModel): string {
  if (cell.values.length === 0) return '–';
  const number = (value: number): string => (factor * value).toFixed(digits);
  const spread = Number.isNaN(cell.sd) ? '' : ` ± ${number(cell.sd)}`;
  const progress = cell.values.length < cell.expected ? ` (${cell.values.length}/${cell.expected})` : '';
  return `${number(cell.mean)}${spread}${progress}`;
}

/** The paper's number beside ours: it is printed in the table's unit already. */
export function publishedText({ published }: TableCell, { digits }: TableModel): string {
  if (published === undefined) return 'not available';
  return `${published.mean.toFixed(digits)}${published.sd === undefined ? '' : ` ± ${published.sd.toFixed(digits)}`}`;
}

/** "¹ ²": which marks touch a cell. */
export const markNumbers = (cell: TableCell, { marks }: TableModel): string =>
  cell.marks.map((mark) => `[${marks.indexOf(mark) + 1}]`).join('');
