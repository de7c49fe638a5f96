/**
 * An experiment as data: settings that all runs share, axes whose values are settings laid over them, and what to show
 * of the results. The paper's tables are such matrices (paper/), and a user writes one in YAML with the same keys:
 *
 * ```yaml
 * title: Does a second reference help?
 * base: { policy: { model: ./llama }, data: { train: pairs.jsonl }, training: { epochs: 1 } }
 * axes:
 *   method:
 *     DPO:  { objective: { loss: dpo },  references: [{ model: policy }] }
 *     MRPO: { objective: { loss: mrpo }, references: [{ model: policy }, { model: ./mistral }] }
 *   seed: [0, 1, 2]
 * compare: { axis: method, baseline: DPO }
 * tables: [{ title: Accuracy, rows: method, measure: rewards/accuracies }]
 * ```
 */
import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { MrpoError } from '../core/errors.js';
import { PROFILE_NAMES } from '../tasks/index.js';

const settings = z.record(z.string(), z.unknown()).describe('Part of a run configuration.');

const axisValue = settings;

const axisSchema = z
  .union([z.record(z.string().min(1), axisValue), z.array(z.union([z.string().min(1), z.number()])).min(1)])
  .describe('Values by name, each a part of the configuration; a plain list (only for "seed") is training.seed.');

const axisNames = z
  .union([z.string().min(1), z.array(z.string().min(1)).min(1)])
  .transform((names) => (typeof names === 'string' ? [names] : names));

const measureName = z.string().min(1).describe('A measure of metrics.jsonl, or task/NAME for a task of lm-eval.');

const tableSchema = z
  .strictObject({
    name: z.string().min(1).optional().describe('File name of the table. Default: made of the title.'),
    title: z.string().min(1),
    rows: axisNames.describe('The axis whose values are the rows, or several.'),
    columns: z.array(z.string().min(1)).default([]).describe('Axes whose values together are the columns.'),
    measure: measureName.optional(),
    measures: z
      .array(z.strictObject({ measure: measureName, title: z.string().min(1) }))
      .min(1)
      .optional()
      .describe('Several measures, each a column of its own.'),
    percent: z.boolean().default(false).describe('Show 0.613 as 61.3.'),
  })
  .refine(({ measure, measures }) => (measure === undefined) !== (measures === undefined), {
    message: 'expected either "measure" or "measures"',
  });

const headlineSchema = z.strictObject({
  name: z.string().min(1).describe('task/NAME is its measure.'),
  title: z.string().min(1),
  tasks: z
    .array(z.strictObject({ name: z.string().min(1), fewshot: z.number().int().min(0).optional() }))
    .min(1)
    .describe('Tasks of lm-evaluation-harness, or paths of task files.'),
  of: z
    .array(z.tuple([z.string(), z.string(), z.string()]))
    .default([])
    .describe('[task, metric, filter] of each number that the mean is taken of. Default: the first metric.'),
});

const figureSchema = z.strictObject({
  name: z.string().min(1).optional(),
  title: z.string().min(1),
  kind: z.enum(['curves', 'bars']).describe('curves: over the steps. bars: the last value.'),
  lines: z.string().min(1).describe('The axis whose values are lines or bars.'),
  panels: z.array(z.string().min(1)).default([]).describe('Axes whose values together are panels.'),
  measure: z.string().min(1),
  percent: z.boolean().default(false),
});

/** The schema of a matrix. What it cannot say is checked by {@link checkMatrix}. */
export const matrixSchema = z.strictObject({
  name: z
    .string()
    .regex(/^[\w.-]+$/, 'letters, digits, dot, dash and underscore only')
    .default('matrix'),
  title: z.string().min(1).default('Experiment'),
  note: z.string().optional().describe('Said under the title.'),
  base: settings.default({}).describe('Settings that all runs share.'),
  axes: z.record(z.string().min(1), axisSchema).describe('What varies, in the order in which settings are laid over.'),
  exclude: z
    .array(z.record(z.string(), z.string()))
    .default([])
    .describe('Combinations that are not run: { data: S1, method: X }.'),
  compare: z
    .strictObject({
      axis: z.string().min(1),
      baseline: z.string().min(1).describe('The value that the others are compared with.'),
    })
    .optional(),
  tasks: z
    .union([z.enum(PROFILE_NAMES), z.array(headlineSchema).min(1)])
    .optional()
    .describe('Tasks of language understanding after each run and before its training: a profile, or a list.'),
  tables: z.array(tableSchema).default([]),
  figures: z.array(figureSchema).default([]),
  marks: z
    .record(z.string(), z.record(z.string(), z.string()))
    .default({})
    .describe('What is inferred and not known, by axis and value: shown beside every cell it touches.'),
});

/** A matrix as a user writes it. */
export type MatrixInput = z.input<typeof matrixSchema>;
/** A matrix with every default applied. */
export type Matrix = z.output<typeof matrixSchema>;
/** What one table shows. */
export type TableView = Matrix['tables'][number];
/** What one figure shows. */
export type FigureView = Matrix['figures'][number];

/** The axis that repeats a run; tables show means over it. */
export const SEED_AXIS = 'seed';

/**
 * Checks a matrix given by a program or read from a file.
 * @throws MrpoError `config` for an unknown key, a value of the wrong type, or a name that no axis has.
 */
export function checkMatrix(input: unknown, where = 'matrix'): Matrix {
  const parsed = matrixSchema.safeParse(input);
  if (!parsed.success) {
    const problems = parsed.error.issues.map(({ path, message }) => `${path.join('.') || 'matrix'}: ${message}`);
    throw new MrpoError('config', `${where}:\n  ${problems.join('\n  ')}`);
  }
  const problems = namesWithoutAxis(parsed.data);
  if (problems.length > 0) throw new MrpoError('config', `${where}:\n  ${problems.join('\n  ')}`);
  return parsed.data;
}

/** Reads a matrix from a YAML or JSON file. Paths in it are relative to its folder. */
export async function readMatrix(file: string): Promise<{ readonly matrix: Matrix; readonly folder: string }> {
  const path = resolve(file);
  const text = await readFile(path, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    throw new MrpoError('config', `matrix ${path} cannot be read: ${cause.message}`, { cause });
  });
  let value: unknown;
  try {
    value = parse(text);
  } catch (cause) {
    throw new MrpoError('config', `matrix ${path}: ${cause instanceof Error ? cause.message : String(cause)}`, {
      cause,
    });
  }
  return { matrix: checkMatrix(value, path), folder: dirname(path) };
}

/** Names of the values of an axis, in order. */
export function valuesOf(matrix: Matrix, axis: string): readonly string[] {
  const values = matrix.axes[axis];
  return values === undefined ? [] : Array.isArray(values) ? values.map(String) : Object.keys(values);
}

function namesWithoutAxis(matrix: Matrix): string[] {
  const axes = Object.keys(matrix.axes);
  const problems: string[] = [];
  const need = (place: string, axis: string): void => {
    if (!axes.includes(axis)) problems.push(`${place}: there is no axis "${axis}"; the axes are ${axes.join(', ')}`);
  };
  const needValue = (place: string, axis: string, value: string): void => {
    need(place, axis);
    const values = valuesOf(matrix, axis);
    if (axes.includes(axis) && !values.includes(value)) {
      problems.push(`${place}: axis "${axis}" has no value "${value}"; it has ${values.join(', ')}`);
    }
  };
  for (const [axis, values] of Object.entries(matrix.axes)) {
    if (Array.isArray(values) && axis !== SEED_AXIS) {
      problems.push(
        `axes.${axis}: got a list; expected values by name, each with its settings (only "seed" is a list)`,
      );
    }
  }
  matrix.exclude.forEach((combination, i) => {
    for (const [axis, value] of Object.entries(combination)) needValue(`exclude.${i}`, axis, value);
  });
  if (matrix.compare !== undefined) needValue('compare', matrix.compare.axis, matrix.compare.baseline);
  matrix.tables.forEach(({ rows, columns }, i) => [...rows, ...columns].forEach((axis) => need(`tables.${i}`, axis)));
  matrix.figures.forEach(({ lines, panels }, i) => [lines, ...panels].forEach((axis) => need(`figures.${i}`, axis)));
  for (const [axis, marks] of Object.entries(matrix.marks)) {
    for (const value of Object.keys(marks)) needValue('marks', axis, value);
  }
  return problems;
}
