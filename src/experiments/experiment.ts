/**
 * Matrices from their description to a page: cells and their keys, the runs that are missing, the results. The same call
 * again runs nothing that is finished; a call that was cut goes on where it was.
 */
import { resolve } from 'node:path';
import type { Backend } from '../backend/backend.js';
import type { LogpCache } from '../references/index.js';
import { createKeyMaker } from './cell-key.js';
import { openCellStore, type CellStore } from './cell-store.js';
import { cellsOf, type CellOptions } from './cells.js';
import type { Matrix } from './matrix.js';
import { writeResults, type WrittenResults } from './render/write-results.js';
import type { PageOptions } from './render/page.js';
import { readResults, type MatrixResults } from './results.js';
import { openTaskStore, tasksOf, type TaskStore } from './task-store.js';
import { distinct, runCells, type CellEvent, type CellsSummary, type KeyedCell } from './run-cells.js';

/** Matrices with the keys of their cells and the place of their runs. */
export interface Experiment {
  readonly store: CellStore;
  readonly taskStore: TaskStore;
  readonly matrices: readonly { readonly matrix: Matrix; readonly cells: readonly KeyedCell[] }[];
  /** Cells of all matrices, those with the same content once, grouped by policy and data. */
  readonly distinctCells: readonly KeyedCell[];
}

/** Which cells, and where their runs are. */
export interface OpenExperimentOptions extends CellOptions {
  /** Folder of runs and results. */
  readonly out: string;
  readonly cache: LogpCache;
  /** Called at most when a model was never seen before. */
  readonly openBackend: () => Promise<Backend>;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Checks the matrices and gives each cell its key.
 * @throws MrpoError `config` if any cell of any matrix is not valid; nothing has been run or written then.
 */
export async function openExperiment(matrices: readonly Matrix[], options: OpenExperimentOptions): Promise<Experiment> {
  const keys = createKeyMaker(options);
  const expanded = matrices.map((matrix) => ({ matrix, cells: cellsOf(matrix, options) }));
  const keyed: { matrix: Matrix; cells: KeyedCell[] }[] = [];
  for (const { matrix, cells } of expanded) {
    const own: KeyedCell[] = [];
    for (const cell of cells) {
      own.push({ cell, key: await keys.keyOf(cell.config.config), tasks: tasksOf(matrix) });
    }
    keyed.push({ matrix, cells: own });
  }
  return {
    store: await openCellStore(options.out),
    taskStore: openTaskStore(resolve(options.out)),
    matrices: keyed,
    distinctCells: inGoodOrder(distinct(keyed.flatMap(({ cells }) => cells))),
  };
}

/** How the missing cells are run. */
export interface RunExperimentOptions {
  readonly cache: LogpCache;
  /** Opens the backend of one worker, counted from 0. */
  readonly openBackend: (worker: number) => Promise<Backend>;
  /** Cells at once. Default 1. */
  readonly jobs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onEvent?: ((event: CellEvent) => void) | undefined;
}

/** Runs what is missing. */
export function runExperiment(experiment: Experiment, options: RunExperimentOptions): Promise<CellsSummary> {
  return runCells(experiment.distinctCells, { ...options, store: experiment.store, taskStore: experiment.taskStore });
}

/** Reads what is finished, and writes the page, tables and figures into the experiment's folder. */
export async function renderExperiment(
  experiment: Experiment,
  page: PageOptions,
): Promise<{ readonly results: readonly MatrixResults[]; readonly written: WrittenResults }> {
  const results: MatrixResults[] = [];
  for (const { matrix, cells } of experiment.matrices) results.push(await readResults(matrix, cells, experiment));
  return { results, written: await writeResults(results, experiment.store.folder, page) };
}

/** Same policy and data next to each other: their references are scored once, and files stay in the system's cache. */
function inGoodOrder(cells: readonly KeyedCell[]): readonly KeyedCell[] {
  const groupOf = ({ cell }: KeyedCell): string =>
    JSON.stringify([cell.config.config.policy.model, cell.config.config.data.train]);
  const groups = new Map<string, KeyedCell[]>();
  for (const keyed of cells) groups.set(groupOf(keyed), [...(groups.get(groupOf(keyed)) ?? []), keyed]);
  return [...groups.values()].flat();
}
