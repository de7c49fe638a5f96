/** A table of the paper as rows and columns of numbers: what Markdown, LaTeX, CSV and HTML are all made from. */
import { pathOf, type Coordinates } from '../cells.js';
import type { Matrix, TableView } from '../matrix.js';
import { PUBLISHED, type Published } from '../paper/published.js';
import { TASK_PREFIX } from '../outcome.js';
import type { MatrixResults } from '../results.js';
import { valueVerdict, type ValueVerdict } from '../value-verdict.js';
import { combinationsOf, summarise, type SummaryCell } from '../summary.js';

/** One number of a table, beside the paper's where that is known. */
export interface TableCell extends SummaryCell {
  readonly published: Published | undefined;
  /** The paper's number of the untrained policy. */
  readonly publishedBefore: Published | undefined;
  /** Undefined where values are not to be held against the paper's, or there is none. */
  readonly verdict: ValueVerdict | undefined;
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

/**
 * Fills a table from what is finished; a cell without a finished seed has no values.
 * @param comparesValues Whether models and data are the paper's own.
 */
export function tableModel({ matrix, cells }: MatrixResults, view: TableView, comparesValues = false): TableModel {
  const name = view.name ?? fileName(view.title);
  const measures = view.measures ?? [{ measure: view.measure ?? '', title: '' }];
  const columns = combinationsOf(matrix, view.columns).flatMap((at) =>
    measures.map(({ measure, title }) => ({
      at,
      measure,
      title: [pathOf(at), title].filter((part) => part !== '').join(' '),
    })),
  );
  const published = PUBLISHED[name] ?? {};
  const factor = view.percent ? 100 : 1;
  const rows = combinationsOf(matrix, view.rows).map((row) => ({
    title: pathOf(row),
    cells: columns.map((column) => {
      const at: Coordinates = { ...column.at, ...row };
      const place = (of: Coordinates): Published | undefined => published[placeOf(matrix, of, view, column.measure)];
      const ours = summarise(matrix, cells, at, column.measure, seedsOf(cells));
      const [paper, publishedBefore] = [place(at), place({ ...at, method: 'Base' })];
      const verdict =
        comparesValues && paper !== undefined
          ? valueVerdict({ ours, published: paper, factor, kind: kindOf(column.measure), publishedBefore })
          : undefined;
      return { ...ours, published: paper, publishedBefore, verdict };
    }),
  }));
  return {
    name,
    title: view.title,
    factor,
    digits: view.percent ? 1 : 2,
    columns: columns.map(({ title }) => title),
    rows,
    marks: [...new Set(rows.flatMap((row) => row.cells.flatMap(({ marks }) => marks)))],
  };
}

const kindOf = (measure: string): 'accuracy' | 'margin' | 'task' =>
  measure.startsWith(TASK_PREFIX) ? 'task' : measure.includes('margins') ? 'margin' : 'accuracy';

/** Published numbers go by the axes' order, without seed and single-valued axes, then the measure where there are several. */
function placeOf(matrix: Matrix, at: Coordinates, view: TableView, measure: string): string {
  const axes = Object.keys(matrix.axes).flatMap((axis) => at[axis] ?? []);
  return [...axes, ...(view.measures === undefined ? [] : [measure])].join('/');
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

/** The untrained policy's number, and the paper's where it is printed. */
export function beforeText({ before, publishedBefore }: TableCell, { factor, digits }: TableModel): string {
  if (Number.isNaN(before)) return '–';
  const paper = publishedBefore === undefined ? '' : ` (paper ${publishedBefore.mean.toFixed(digits)})`;
  return `${(factor * before).toFixed(digits)}${paper}`;
}

/** "[1][2]": which marks touch a cell. */
export const markNumbers = (cell: TableCell, { marks }: TableModel): string =>
  cell.marks.map((mark) => `[${marks.indexOf(mark) + 1}]`).join('');
