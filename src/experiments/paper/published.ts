/**
 * The paper's printed numbers (arXiv 2405.16388), by table and by the path of the cell without its seed. Numbers that
 * our copy of the paper lacks (Table 5 but for two, Tables 6 to 8, the figures' values) are not here.
 */
export interface Published {
  readonly mean: number;
  readonly sd?: number | undefined;
  readonly runs: number;
}

const COLUMNS_1 = ['S1/L<-M', 'S1/M<-L', 'S2/L<-M', 'S2/M<-L', 'S3/L<-M', 'S3/M<-L'];
const COLUMNS_2 = [
  'HelpSteer/L<-M',
  'HelpSteer/M<-L',
  'UltraFeedback/L<-M',
  'UltraFeedback/M<-L',
  'Nectar/L<-M',
  'Nectar/M<-L',
];

type Rows = Readonly<Record<string, readonly (readonly [number, number])[]>>;

const table = (columns: readonly string[], runs: number, rows: Rows): Readonly<Record<string, Published>> =>
  Object.fromEntries(
    Object.entries(rows).flatMap(([method, values]) =>
      values.map(([mean, sd], i) => [`${columns[i]}/${method}`, { mean, sd, runs }] as const),
    ),
  );

const TASK_COLUMNS = ['gsm8k', 'truthfulqa', 'hellaswag', 'mmlu', 'arc_easy', 'winogrande', 'average'];

/** One run a row; `Base` is the untrained policy. */
const tasks = (mode: string, rows: Readonly<Record<string, readonly number[]>>): Readonly<Record<string, Published>> =>
  Object.fromEntries(
    Object.entries(rows).flatMap(([method, values]) =>
      values.map((mean, i) => [`${mode}/${method}/task/${TASK_COLUMNS[i]}`, { mean, runs: 1 }] as const),
    ),
  );

/** Mean and standard deviation as printed, by name of the table and path of the cell. */
export const PUBLISHED: Readonly<Record<string, Readonly<Record<string, Published>>>> = {
  table1: table(COLUMNS_1, 5, {
    DPO: [
      [93.9, 1.4],
      [98.7, 0.7],
      [94.4, 2.9],
      [96.7, 1.8],
      [54.8, 5.4],
      [52.2, 3.7],
    ],
    'Multi-DPO': [
      [95.6, 1.7],
      [98.0, 0.8],
      [95.5, 1.2],
      [96.3, 1.2],
      [45.6, 4.4],
      [51.3, 1.2],
    ],
    MRPO: [
      [97.2, 1.7],
      [99.5, 0.8],
      [97.0, 3.2],
      [97.0, 1.6],
      [61.3, 5.2],
      [56.0, 1.9],
    ],
  }),
  'table2-accuracy': table(COLUMNS_2, 3, {
    DPO: [
      [68.9, 0.4],
      [70.8, 4.3],
      [69.8, 0.9],
      [72.0, 1.1],
      [75.6, 3.9],
      [78.5, 3.6],
    ],
    MRPO: [
      [73.6, 1.6],
      [71.6, 5.2],
      [72.9, 2.9],
      [73.2, 1.9],
      [79.2, 1.2],
      [78.7, 3.0],
    ],
  }),
  'table2-margin': table(COLUMNS_2, 3, {
    DPO: [
      [0.64, 0.01],
      [0.95, 0.2],
      [0.7, 0.07],
      [1.14, 0.12],
      [1.52, 0.08],
      [2.65, 0.29],
    ],
    MRPO: [
      [0.77, 0.07],
      [1.05, 0.2],
      [0.82, 0.1],
      [1.27, 0.26],
      [1.73, 0.05],
      [3.13, 0.25],
    ],
  }),
  table3: {
    ...tasks('M<-L,Q', {
      Base: [49.6, 44.5, 62.8, 60.8, 83.5, 74.4, 62.6],
      DPO: [53.7, 53.3, 66.6, 60.1, 82.7, 73.6, 65.0],
      MRPO: [60.5, 51.43, 65.83, 61.5, 84.0, 73.4, 66.1],
    }),
    ...tasks('L<-M,Q', {
      // ARC-easy of the base is probably 73.7: its 60.8 is that of another column.
      Base: [23.9, 37.8, 57.8, 46.4, 60.8, 66.4, 51.0],
      DPO: [22.0, 39.5, 59.4, 46.3, 73.5, 67.3, 51.4],
      MRPO: [24.3, 45.3, 57.9, 46.4, 74.1, 66.7, 52.4],
    }),
    ...tasks('Q<-M,L', {
      Base: [21.1, 53.6, 58.8, 60.1, 68.3, 65.2, 54.5],
      DPO: [18.7, 54.8, 60.4, 60.3, 65.2, 64.3, 54.0],
      MRPO: [23.7, 54.9, 59.0, 60.1, 68.4, 65.4, 55.3],
    }),
  },
  table4: tasks('T<-M', {
    Base: [2.5, 32.9, 45.7, 24.9, 66.8, 61.1, 38.9],
    DPO: [2.1, 33.1, 46.0, 25.4, 67.0, 61.6, 39.2],
    MRPO: [2.1, 33.0, 47.0, 25.8, 67.0, 61.6, 39.4],
  }),
  table5: {
    'L<-A/0 (DPO)': { mean: 54.8, sd: 5.4, runs: 5 },
    'L<-M/0 (DPO)': { mean: 54.8, sd: 5.4, runs: 5 },
    'L<-M/0.1': { mean: 61.3, sd: 5.2, runs: 5 },
  },
};
