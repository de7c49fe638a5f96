/** Runs the cells of a matrix that have not been run yet, several at once, each backend one after the other. */
import { rm } from 'node:fs/promises';
import type { Backend } from '../backend/backend.js';
import { withOutputFolder } from '../config/index.js';
import { MrpoError, toMrpoError } from '../core/errors.js';
import type { LogpCache } from '../references/index.js';
import { beginRun, continueRun, isRunFolder, type Run, type SharedBackend } from '../runs/index.js';
import type { Cell } from './cells.js';
import type { CellStore } from './cell-store.js';

/** A cell and its key; cells of several tables with one key are one. */
export interface KeyedCell {
  readonly cell: Cell;
  readonly key: string;
}

/** One thing that happened to a cell. `kept`: it was finished before; `waiting`: another program runs it. */
export type CellEvent =
  | { readonly type: 'kept'; readonly path: string }
  | { readonly type: 'started'; readonly path: string }
  | { readonly type: 'step'; readonly path: string; readonly step: number; readonly totalSteps: number }
  | { readonly type: 'finished'; readonly path: string; readonly seconds: number }
  | { readonly type: 'failed'; readonly path: string; readonly reason: string }
  | { readonly type: 'waiting'; readonly path: string };

/** How many cells run at once, and on which backends. */
export interface RunCellsOptions {
  readonly store: CellStore;
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
        if ((await store.finished(key)) !== undefined) {
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
          if ((await runCell(next, backend, options)) === 'finished') finished += 1;
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

/** @throws what the run failed with. */
async function runCell(
  keyed: KeyedCell,
  shared: SharedBackend,
  options: RunCellsOptions,
): Promise<'finished' | 'stopped'> {
  const { onEvent = () => undefined } = options;
  const { path } = keyed.cell;
  const started = Date.now();
  onEvent({ type: 'started', path });
  const run = await openRun(keyed, shared, options);
  for await (const event of run.events) {
    if (event.type === 'step') onEvent({ type: 'step', path, step: event.step, totalSteps: event.totalSteps });
  }
  const { status } = await run.result;
  if (status !== 'succeeded') return 'stopped';
  onEvent({ type: 'finished', path, seconds: (Date.now() - started) / 1000 });
  return 'finished';
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

/** The first cell of each key. */
export function distinct(cells: readonly KeyedCell[]): readonly KeyedCell[] {
  const firstOf = new Map<string, KeyedCell>();
  for (const keyed of cells) if (!firstOf.has(keyed.key)) firstOf.set(keyed.key, keyed);
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
