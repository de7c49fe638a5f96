/** Runs the cells of a matrix that have not been run yet, several at once, each backend one after the other. */
import { rm } from 'node:fs/promises';
import type { Backend } from '../backend/backend.js';
import { withOutputFolder } from '../config/index.js';
import { MrpoError, toMrpoError } from '../core/errors.js';
import type { LogpCache } from '../references/index.js';
import { beginRun, continueRun, isRunFolder, type Run, type SharedBackend, type StoredRun } from '../runs/index.js';
import type { Headline } from '../tasks/index.js';
import type { Cell } from './cells.js';
import type { CellStore } from './cell-store.js';
import type { TaskStore } from './task-store.js';

/** A cell and its key; cells of several tables with one key are one. */
export interface KeyedCell {
  readonly cell: Cell;
  readonly key: string;
  /** Evaluated on the trained model and on its start. */
  readonly tasks: readonly Headline[];
}

/** One thing that happened to a cell. `kept`: it was finished before; `waiting`: another program runs it. */
export type CellEvent =
  | { readonly type: 'kept'; readonly path: string }
  | { readonly type: 'started'; readonly path: string }
  | { readonly type: 'step'; readonly path: string; readonly step: number; readonly totalSteps: number }
  /** Its tasks of language understanding: lm-evaluation-harness is not installed where the backend runs. */
  | { readonly type: 'not evaluated'; readonly path: string }
  | { readonly type: 'evaluating'; readonly path: string; readonly stage: string; readonly share: number }
  | { readonly type: 'finished'; readonly path: string; readonly seconds: number }
  | { readonly type: 'failed'; readonly path: string; readonly reason: string }
  | { readonly type: 'waiting'; readonly path: string };

/** How many cells run at once, and on which backends. */
export interface RunCellsOptions {
  readonly store: CellStore;
  readonly taskStore: TaskStore;
  readonly cache: LogpCache;
  /** Opens one backend for each worker; a worker whose backend has gone opens another. */
  readonly openBackend: (worker: number) => Promise<Backend>;
  /** Cells at once. Default 1. */
  readonly jobs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onEvent?: ((event: CellEvent) => void) | undefined;
}

/** What became of the cells. */
export interface CellsSummary {
  /** Cells by what became of them; `kept` were finished before. */
  readonly finished: number;
  readonly kept: number;
  readonly failed: readonly { readonly path: string; readonly reason: string }[];
}

/** How long a cell that another program is running is left alone before it is looked at again, ms. */
const LOOK_AGAIN_MS = 2000;

/**
 * A cell that fails is reported and stops nothing else. Ends early, between steps, when the signal fires.
 * @returns what became of the cells that were reached.
 */
export async function runCells(cells: readonly KeyedCell[], options: RunCellsOptions): Promise<CellsSummary> {
  const { store, onEvent = () => undefined } = options;
  const failed: { path: string; reason: string }[] = [];
  let [finished, kept] = [0, 0];
  const waiting = [...distinct(cells)];
  const work = async (worker: number): Promise<void> => {
    const backend = backendOf(() => options.openBackend(worker));
    try {
      for (let next = waiting.shift(); next !== undefined && !isStopped(options); next = waiting.shift()) {
        const { cell, key } = next;
        if (await isComplete(next, options)) {
          kept += 1;
          onEvent({ type: 'kept', path: cell.path });
          continue;
        }
        const claim = await store.claim(key);
        if (claim === undefined) {
          onEvent({ type: 'waiting', path: cell.path });
          waiting.push(next);
          await pause(LOOK_AGAIN_MS, options.signal);
          continue;
        }
        try {
          const outcome = await runCell(next, backend, options);
          if (outcome === 'finished') finished += 1;
          if (outcome === 'kept') {
            kept += 1;
            onEvent({ type: 'kept', path: cell.path });
          }
        } catch (thrown) {
          const { message } = toMrpoError(thrown);
          failed.push({ path: cell.path, reason: message });
          onEvent({ type: 'failed', path: cell.path, reason: message });
          // The fault may be the backend's own: the next cell gets a fresh one.
          await backend.renew();
        } finally {
          await claim.release();
        }
      }
    } finally {
      await backend.renew();
    }
  };
  await Promise.all(Array.from({ length: Math.max(1, options.jobs ?? 1) }, (_, worker) => work(worker)));
  return { finished, kept, failed };
}

/** A worker's backend: opened when first needed, shared by its cells, replaced when it has failed. */
function backendOf(openBackend: () => Promise<Backend>): SharedBackend {
  let opened: Promise<Backend> | undefined;
  return {
    open: () => (opened ??= openBackend()),
    async renew() {
      const old = opened;
      opened = undefined;
      await old?.then((backend) => backend.close()).catch(() => undefined);
    },
  };
}

/** Whether a cell is finished with all its tasks. */
async function isComplete({ key, tasks }: KeyedCell, { store, taskStore }: RunCellsOptions): Promise<boolean> {
  const run = await store.finished(key);
  if (run === undefined || tasks.length === 0) return run !== undefined;
  const found = await Promise.all(
    (['before', 'after'] as const).map((stage) => taskStore.read(run, key, tasks, stage)),
  );
  return found.every((results) => results !== undefined);
}

/**
 * `kept`: it was trained before, and its tasks cannot be evaluated here.
 * @throws what the run or the tasks failed with.
 */
async function runCell(
  keyed: KeyedCell,
  shared: SharedBackend,
  options: RunCellsOptions,
): Promise<'finished' | 'kept' | 'stopped'> {
  const { store, taskStore, signal, onEvent = () => undefined } = options;
  const { cell, key, tasks } = keyed;
  const { path } = cell;
  const started = Date.now();
  onEvent({ type: 'started', path });
  const before = await store.finished(key);
  const stored = before ?? (await trainCell(keyed, shared, options));
  if (stored === undefined) return 'stopped';
  if (tasks.length > 0 && !(await canEvaluate(shared))) {
    onEvent({ type: 'not evaluated', path });
    if (before !== undefined) return 'kept';
  } else if (tasks.length > 0) {
    await taskStore.complete(stored, key, tasks, await shared.open(), {
      signal,
      onProgress: ({ stage, done, total }) =>
        onEvent({ type: 'evaluating', path, stage, share: total === 0 ? 0 : done / total }),
    });
  }
  onEvent({ type: 'finished', path, seconds: (Date.now() - started) / 1000 });
  return 'finished';
}

/** Whether lm-evaluation-harness, an extra, is there. */
const canEvaluate = async (shared: SharedBackend): Promise<boolean> =>
  (await (await shared.open()).info()).capabilities.includes('evaluate');

/** @returns nothing if the run was stopped. */
async function trainCell(
  keyed: KeyedCell,
  shared: SharedBackend,
  options: RunCellsOptions,
): Promise<StoredRun | undefined> {
  const { onEvent = () => undefined } = options;
  const { path } = keyed.cell;
  const run = await openRun(keyed, shared, options);
  for await (const event of run.events) {
    if (event.type === 'step') onEvent({ type: 'step', path, step: event.step, totalSteps: event.totalSteps });
  }
  const { status, run: stored } = await run.result;
  if (status !== 'succeeded') return undefined;
  // A finished cell is never gone on with, and hundreds of optimizer states fill a disk.
  await rm(stored.folder.file('checkpoints'), { recursive: true, force: true });
  return stored;
}

/** Goes on with what an earlier program has left of a cell, from its last checkpoint; else begins it. */
async function openRun(
  { cell, key }: KeyedCell,
  shared: SharedBackend,
  { store, cache, signal }: RunCellsOptions,
): Promise<Run> {
  const output = store.cellFolder(key);
  const { config, ...rest } = cell.config;
  const loaded = { ...rest, config: { ...config, output: withOutputFolder(config.output, output) } };
  const choice = { shared, cache, signal };
  if (await isRunFolder(output)) {
    try {
      return await continueRun(output, loaded, choice);
    } catch (thrown) {
      // Files that cannot be read, or a checkpoint of another version's settings: nothing to go on with.
      if (!(thrown instanceof MrpoError) || (thrown.code !== 'data' && thrown.code !== 'config')) throw thrown;
    }
  }
  await rm(output, { recursive: true, force: true });
  return beginRun(loaded, choice);
}

/** One cell of each key and choice of tasks; a run that one table wants tasks of and another none is one. */
export function distinct(cells: readonly KeyedCell[]): readonly KeyedCell[] {
  const firstOf = new Map<string, KeyedCell>();
  for (const keyed of cells) {
    const known = firstOf.get(keyed.key);
    if (known === undefined || known.tasks.length === 0) firstOf.set(keyed.key, keyed);
  }
  return [...firstOf.values()];
}

const isStopped = ({ signal }: RunCellsOptions): boolean => signal?.aborted === true;

function pause(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((done) => {
    const timer = setTimeout(finish, milliseconds);
    function finish(): void {
      clearTimeout(timer);
      signal?.removeEventListener('abort', finish);
      done();
    }
    signal?.addEventListener('abort', finish, { once: true });
  });
}
