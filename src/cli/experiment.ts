/** What `mrpo reproduce` and `mrpo matrix` share: options, progress over all cells, the summary. */
import { Option, type Command } from 'commander';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { abortError } from '../core/abort.js';
import { MrpoError } from '../core/errors.js';
import { openBackend } from '../backend/open.js';
import {
  dryRun,
  openExperiment,
  planExperiment,
  renderExperiment,
  runExperiment,
  type CellEvent,
  type Matrix,
} from '../experiments/index.js';
import { cacheFile, openLogpCache } from '../references/index.js';
import { DEVICES, thisMachine } from '../planning/index.js';
import { collect, printJson, type CliIo } from './command.js';
import { experimentPlanText } from './experiment-plan.js';
import { lazyBackend } from './lazy-backend.js';
import { durationText } from '../core/quantities.js';

/** Flags that `matrix` and `reproduce` share. */
export interface ExperimentOptions {
  readonly out?: string;
  readonly only: readonly string[];
  readonly seeds?: number;
  readonly jobs?: number;
  readonly backends: readonly string[];
  readonly plan?: boolean;
  readonly device?: string;
  readonly dryRun?: boolean;
  readonly render?: boolean;
  readonly json?: boolean;
}

/** Adds these flags to a command. @param what How the help calls the whole, e.g. "matrix". */
export function experimentOptions(command: Command, what: string): Command {
  return command
    .option('--out <folder>', `folder of the ${what} (default: in runs/)`)
    .option('--only <pattern>', "only cells whose path matches, e.g. 's3/L<-M/*'; may be given again", collect, [])
    .option('--seeds <n>', 'seeds 0 to n - 1 in place of the usual number', positive)
    .option(
      '--jobs <n>',
      'runs at once, each with a backend of its own (default: 1; miniature: a run a core)',
      positive,
    )
    .option(
      '--backends <addresses>',
      'running backends to use, comma-separated; one run at once on each',
      addresses,
      [],
    )
    .option('--plan', 'say what would be run and its hours, memory, disk and downloads, and stop')
    .addOption(
      new Option('--device <name>', 'plan for this accelerator instead of this machine').choices(Object.keys(DEVICES)),
    )
    .option('--dry-run', 'check configurations, backend and data, and stop before the first model is loaded')
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
  /** Whether the paper's values may be held against ours. Default false. */
  readonly comparesValues?: boolean | undefined;
  /** Accelerator that it is planned for where none is asked. Default: this machine. */
  readonly device?: string | undefined;
  /** For models so small that a core each is fastest: one thread a backend, so that numbers are the same for any --jobs. */
  readonly oneThread?: boolean | undefined;
}

/** Runs what is missing of some matrices and writes their page. */
export async function conduct(
  matrices: readonly Matrix[],
  io: CliIo,
  options: ExperimentOptions,
  { out, title, claim, folder, ...scale }: Conducted,
): Promise<void> {
  const which = { folder, only: options.only, seeds: options.seeds, signal: io.signal };
  if (options.plan === true) return tellPlan(matrices, io, options, { ...which, out, device: scale.device });
  if (options.dryRun === true) return tellDryRun(matrices, io, options, which);
  const jobs = options.jobs ?? (scale.oneThread === true ? availableParallelism() : 1);
  const cache = openLogpCache({ path: cacheFile(io.env) });
  const asked = lazyBackend(io, options.backends[0]);
  try {
    const experiment = await openExperiment(matrices, {
      out,
      cache,
      ...which,
      openBackend: () => asked.open(),
    }).finally(() => asked.close());
    if (experiment.distinctCells.length === 0) {
      throw new MrpoError('usage', `no cell matches --only ${options.only.join(' ')}`, {
        hint: `Cells are called, for example, ${matrices[0] === undefined ? '' : 'S3/L<-M/MRPO/0'}.`,
      });
    }
    const summary =
      options.render === true
        ? undefined
        : await runExperiment(experiment, {
            cache,
            jobs: options.backends.length > 0 ? options.backends.length : jobs,
            openBackend: (worker) => {
              const address = options.backends[worker];
              // Several embedded backends share the processors; one alone may use them all.
              const threads = address === undefined && (jobs > 1 || scale.oneThread === true) ? 1 : undefined;
              return openBackend({ address, threads, env: io.env, signal: io.signal });
            },
            signal: io.signal,
            onEvent: showCells(experiment.distinctCells.length, io),
          });
    const { results, written } = await renderExperiment(experiment, {
      title,
      claim,
      comparesValues: scale.comparesValues,
    });
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

interface Which {
  readonly folder: string | undefined;
  readonly only: readonly string[];
  readonly seeds: number | undefined;
  readonly signal: AbortSignal;
}

async function tellPlan(
  matrices: readonly Matrix[],
  io: CliIo,
  options: ExperimentOptions,
  { out, device, ...which }: Which & { readonly out: string; readonly device: string | undefined },
): Promise<void> {
  const backend = lazyBackend(io, options.backends[0]); // only for rows of a hub that nothing is known of
  const name = options.device ?? device;
  try {
    const plan = await planExperiment(matrices, {
      ...which,
      out,
      device: (name === undefined ? undefined : DEVICES[name]) ?? thisMachine(),
      hub: async function* (dataset, part) {
        yield* (await backend.open()).readDataset(dataset, { signal: io.signal, ...part });
      },
    });
    if (options.json === true) printJson(io, plan);
    else io.out(experimentPlanText(plan));
  } finally {
    await backend.close();
  }
}

async function tellDryRun(
  matrices: readonly Matrix[],
  io: CliIo,
  options: ExperimentOptions,
  which: Which,
): Promise<void> {
  const checks = await dryRun(matrices, {
    ...which,
    openBackend: () => openBackend({ address: options.backends[0], env: io.env, signal: io.signal }),
    onCheck: ({ what, ok, detail }) => {
      if (options.json !== true) io.out(`${ok ? 'ok  ' : 'FAIL'}  ${what}: ${detail}\n`);
    },
  });
  const failed = checks.filter(({ ok }) => !ok);
  if (options.json === true) printJson(io, { ok: failed.length === 0, checks });
  if (failed.length > 0) {
    throw new MrpoError('environment', `${failed.length} of ${checks.length} checks failed; nothing was loaded or run`);
  }
}

/** One bar over all cells; failures are reported at once. */
function showCells(total: number, io: CliIo): (event: CellEvent) => void {
  const bar = io.progress('runs');
  const running = new Map<string, number>();
  let done = 0;
  let told = false;
  return (event) => {
    if (event.type === 'not evaluated' && !told) {
      told = true;
      bar.stop();
      io.note(
        'tasks of language understanding (Tables 3, 4, 8) are left out: lm-evaluation-harness is not installed where the backend runs (pip install -r requirements-eval.txt -c requirements.txt)\n',
      );
    }
    if (event.type === 'started') running.set(event.path, 0);
    if (event.type === 'step') running.set(event.path, event.step / event.totalSteps);
    if (event.type === 'evaluating') running.set(event.path, event.share);
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
