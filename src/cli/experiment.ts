/** What `mrpo reproduce` and `mrpo matrix` share: options, progress over all cells, the summary. */
import type { Command } from 'commander';
import { join } from 'node:path';
import { abortError } from '../core/abort.js';
import { MrpoError } from '../core/errors.js';
import { openBackend } from '../backend/open.js';
import {
  openExperiment,
  renderExperiment,
  runExperiment,
  type CellEvent,
  type Experiment,
  type Matrix,
} from '../experiments/index.js';
import { cacheFile, openLogpCache } from '../references/index.js';
import { collect, printJson, type CliIo } from './command.js';
import { lazyBackend } from './lazy-backend.js';
import { durationText } from '../core/quantities.js';

/** Flags that `matrix` and `reproduce` share. */
export interface ExperimentOptions {
  readonly out?: string;
  readonly only: readonly string[];
  readonly seeds?: number;
  readonly jobs: number;
  readonly backends: readonly string[];
  readonly plan?: boolean;
  readonly render?: boolean;
  readonly json?: boolean;
}

/** Adds these flags to a command. @param what How the help calls the whole, e.g. "matrix". */
export function experimentOptions(command: Command, what: string): Command {
  return command
    .option('--out <folder>', `folder of the ${what} (default: in runs/)`)
    .option('--only <pattern>', "only cells whose path matches, e.g. 's3/L<-M/*'; may be given again", collect, [])
    .option('--seeds <n>', 'seeds 0 to n - 1 in place of the usual number', positive)
    .option('--jobs <n>', 'runs at once, each with a backend of its own', positive, 1)
    .option(
      '--backends <addresses>',
      'running backends to use, comma-separated; one run at once on each',
      addresses,
      [],
    )
    .option('--plan', 'say what would be run, and stop')
    .option('--render', 'only write the page, tables and figures from what is finished')
    .option('--json', 'print one JSON object');
}

/** Where results go, and what the page says of them. */
export interface Conducted {
  /** Absolute folder of runs, tables and page. */
  readonly out: string;
  readonly title: string;
  /** What a reader may conclude from results of this size; empty = nothing is said. */
  readonly claim: string;
  /** Folder that relative paths of the matrix are relative to. */
  readonly folder?: string | undefined;
}

/** Runs what is missing of some matrices and writes their page. */
export async function conduct(
  matrices: readonly Matrix[],
  io: CliIo,
  options: ExperimentOptions,
  { out, title, claim, folder }: Conducted,
): Promise<void> {
  const cache = openLogpCache({ path: cacheFile(io.env) });
  const asked = lazyBackend(io, options.backends[0]);
  try {
    const experiment = await openExperiment(matrices, {
      out,
      cache,
      folder,
      openBackend: () => asked.open(),
      only: options.only,
      seeds: options.seeds,
      signal: io.signal,
    }).finally(() => asked.close());
    if (experiment.distinctCells.length === 0) {
      throw new MrpoError('usage', `no cell matches --only ${options.only.join(' ')}`, {
        hint: `Cells are called, for example, ${matrices[0] === undefined ? '' : 'S3/L<-M/MRPO/0'}.`,
      });
    }
    if (options.plan === true) {
      await tellPlan(experiment, io, options);
      return;
    }
    const summary =
      options.render === true
        ? undefined
        : await runExperiment(experiment, {
            cache,
            jobs: options.backends.length > 0 ? options.backends.length : options.jobs,
            openBackend: (worker) => {
              const address = options.backends[worker];
              // Several embedded backends share the processors; one alone may use them all.
              const threads = address === undefined && options.jobs > 1 ? 1 : undefined;
              return openBackend({ address, threads, env: io.env, signal: io.signal });
            },
            signal: io.signal,
            onEvent: showCells(experiment.distinctCells.length, io),
          });
    const { results, written } = await renderExperiment(experiment, { title, claim });
    const missing = results.reduce((sum, { missing: rest }) => sum + rest.length, 0);
    if (options.json === true) printJson(io, { ...summary, missing, page: written.page, markdown: written.markdown });
    else {
      for (const { path, reason } of summary?.failed ?? []) io.note(`failed: ${path}: ${reason}\n`);
      const runs =
        summary === undefined
          ? ''
          : `${summary.finished} runs finished, ${summary.kept} were finished before, ${summary.failed.length} failed\n`;
      io.out(`${runs}page:   ${written.page}\ntables: ${written.markdown}, ${join(out, '*.tex, *.svg, *.csv')}\n`);
    }
    if (io.signal.aborted) throw abortError(io.signal);
    if (summary !== undefined && summary.failed.length > 0) {
      throw new MrpoError(
        'data',
        `${summary.failed.length} of ${experiment.distinctCells.length} runs failed; the page shows the rest`,
        {
          hint: 'The same command again tries them again.',
        },
      );
    }
  } finally {
    cache.close();
  }
}

/** Cells by matrix, and how many are finished already. */
async function tellPlan(experiment: Experiment, io: CliIo, options: ExperimentOptions): Promise<void> {
  const finished = await Promise.all(experiment.distinctCells.map(({ key }) => experiment.store.finished(key)));
  const done = finished.filter((run) => run !== undefined).length;
  const plan = {
    matrices: experiment.matrices.map(({ matrix, cells }) => ({
      name: matrix.name,
      title: matrix.title,
      cells: cells.length,
    })),
    runs: experiment.distinctCells.length,
    finished: done,
    out: experiment.store.folder,
  };
  if (options.json === true) {
    printJson(io, plan);
    return;
  }
  const lines = plan.matrices.map(
    ({ name, title, cells }) => `${name.padEnd(12)} ${String(cells).padStart(4)} cells   ${title}`,
  );
  io.out(`${lines.join('\n')}\n\n${plan.runs} different runs, ${done} of them finished; in ${plan.out}\n`);
}

/** One bar over all cells; failures are reported at once. */
function showCells(total: number, io: CliIo): (event: CellEvent) => void {
  const bar = io.progress('runs');
  const running = new Map<string, number>();
  let done = 0;
  return (event) => {
    if (event.type === 'started') running.set(event.path, 0);
    if (event.type === 'step') running.set(event.path, event.step / event.totalSteps);
    if (event.type === 'finished' || event.type === 'failed' || event.type === 'kept') {
      running.delete(event.path);
      done += 1;
    }
    if (event.type === 'failed') {
      bar.stop();
      io.note(`${event.path} failed: ${event.reason}\n`);
    }
    const detail = [...running].map(([path, share]) => `${path} ${Math.round(100 * share)} %`).join(', ');
    bar.update(done, total, event.type === 'finished' ? `${event.path} in ${durationText(event.seconds)}` : detail);
    if (done === total) bar.stop();
  };
}

function positive(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1)
    throw new MrpoError('usage', `got "${text}", expected a whole number from 1`);
  return value;
}

const addresses = (text: string): string[] =>
  text
    .split(',')
    .map((address) => address.trim())
    .filter((address) => address !== '');
