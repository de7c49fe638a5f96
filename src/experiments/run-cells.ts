/** Runs the cells of a matrix that have not been run yet, several at once, each backend one after the other. */
import { rm } from 'node:fs/promises';
import type { Backend } from '../backend/backend.js';
import { withOutputFolder } from '../config/index.js';
import { toMrpoError } from '../core/errors.js';
import type { LogpCache } from '../references/index.js';
import { beginRun } from '../runs/index.js';
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
    let backend: Backend | undefined;
    try {
      for (let next = waiting.shift(); next !== undefined && !isStopped(options); next = waiting.shift()) {
        const { cell, key } = next;
        if ((await store.finished(key)) !== undefined) {
          kept += 1;
          onEvent({ type: 'kept', path: cell.path });
          continue;
        }
        if (!(await store.claim(key))) {
          onEvent({ type: 'waiting', path: cell.path });
          waiting.push(next);
          await pause(LOOK_AGAIN_MS, options.signal);
          continue;
        }
        try {
          backend ??= await options.openBackend(worker);
          const outcome = await runCell(next, backend, options);
          if (outcome === 'finished') finished += 1;
        } catch (thrown) {
          const { message } = toMrpoError(thrown);
          failed.push({ path: cell.path, reason: message });
          onEvent({ type: 'failed', path: cell.path, reason: message });
          // The fault may be the backend's own: the next cell gets a fresh one.
          await backend?.close().catch(() => undefined);
          backend = undefined;
        } finally {
          await store.release(key);
        }
      }
    } finally {
      await backend?.close();
    }
  };
  await Promise.all(Array.from({ length: Math.max(1, options.jobs ?? 1) }, (_, worker) => work(worker)));
  return { finished, kept, failed };
}

/** @throws what the run failed with. */
async function runCell(
  { cell, key }: KeyedCell,
  backend: Backend,
  { store, cache, signal, onEvent = () => undefined }: RunCellsOptions,
): Promise<'finished' | 'stopped'> {
  const output = store.cellFolder(key);
  // What an earlier program left of this cell is not finished, and the claim says that nobody is at it.
  await rm(output, { recursive: true, force: true });
  const started = Date.now();
  onEvent({ type: 'started', path: cell.path });
  const { config, ...rest } = cell.config;
  const run = await beginRun(
    { ...rest, config: { ...config, output: withOutputFolder(config.output, output) } },
    { backend, cache, signal },
  );
  for await (const event of run.events) {
    if (event.type === 'step') {
      onEvent({ type: 'step', path: cell.path, step: event.step, totalSteps: event.totalSteps });
    }
  }
  const { status } = await run.result;
  if (status !== 'succeeded') return 'stopped';
  onEvent({ type: 'finished', path: cell.path, seconds: (Date.now() - started) / 1000 });
  return 'finished';
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
