/** `mrpo train`: one run, from a configuration to a run folder. */
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { outputFolder } from '../../config/index.js';
import { MrpoError, toMrpoError } from '../../core/errors.js';
import { cacheFile, openLogpCache } from '../../references/index.js';
import {
  isRunFolder,
  loadConfig,
  readRun,
  resumeRun,
  startRun,
  type LoadedConfig,
  type Run,
  type StartOptions,
} from '../../sdk/index.js';
import { collect, printJson, type CliIo } from '../command.js';
import { createRunDisplay } from '../run-display.js';
import { resultJson, resultText } from '../run-result.js';
import { serviceAddress } from '../service-client.js';
import { trainThroughService } from '../service-run/run.js';

/** Flags that `train` and `resume` share. */
export interface RunOptions {
  readonly set: readonly string[];
  readonly backend?: string;
  readonly device?: string;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

interface TrainOptions extends RunOptions {
  /** A run folder; `true` = the one that the configuration's `output` names. */
  readonly resume?: string | true;
  /** An address; `true` = that of MRPO_SERVICE; `false` = none, whatever the environment says. */
  readonly service?: string | boolean;
}

/** Adds `mrpo train`; a run that Ctrl-C stopped ends with exit code 130. */
export function registerTrain(program: Command, io: CliIo): void {
  program
    .command('train')
    .description('Train a policy on preference pairs while references keep it in check.')
    .argument('<config>', 'configuration file (YAML or JSON)')
    .option('--set <key=value>', 'override a setting; may be given again', collect, [])
    .option(
      '--backend <address>',
      'a running backend (host:port or unix:/path); default: MRPO_BACKEND, else one is started',
    )
    .option(
      '--resume [run]',
      'go on with a run folder; latest, or no name: with that of "output", or begin if there is none',
    )
    .option(
      '--service [address]',
      'let a service (mrpo serve) run it; no address: that of MRPO_SERVICE (default: MRPO_TRAIN_SERVICE, else not)',
    )
    .option('--no-service', 'run it here, whatever MRPO_TRAIN_SERVICE says')
    .option('--json', 'print one JSON object with the result on standard output')
    .option('--quiet', 'no progress')
    .addHelpText(
      'after',
      `
The run folder ("output" of the configuration) gets config.yaml, metrics.jsonl, adapter/, samples.jsonl, report.html
and run.json. Ctrl-C stops at the next optimizer step and keeps the adapter and a checkpoint; a second one stops at
once. A run that was stopped or has failed goes on with "mrpo resume RUN", or with --resume.

With --service the run waits there for its turn, and its files are fetched into the same folder when it has ended.
Ctrl-C stops it as it stops a run here; a second one only leaves it alone, to be found again with "mrpo resume RUN".

Examples:
  $ npx mrpo train my-run.yaml
  $ npx mrpo train my-run.yaml --resume          # for jobs that are started again and again until they are done
  $ npx mrpo train my-run.yaml --set training.learning_rate=5e-6 --set output=runs/lower-rate
  $ npx mrpo train my-run.yaml --service 127.0.0.1:50060
`,
    )
    .action(async (config: string, options: TrainOptions) => {
      const loaded = loadConfig({ file: config, set: options.set, env: io.env, cwd: io.cwd });
      const address = serviceOf(io, options);
      if (address !== undefined) return trainThroughService(loaded, address, options.resume, options, io);
      await runWith(io, options, (start) => startOrResume(loaded, options.resume, start, io));
    });
}

/** Which service is to run it, if any. Nothing but these two names makes one: MRPO_SERVICE alone does not. */
function serviceOf(io: CliIo, { service, backend, device }: TrainOptions): string | undefined {
  const here = backend !== undefined || device !== undefined;
  if (service === false) return undefined;
  if (service === undefined) return here ? undefined : io.env['MRPO_TRAIN_SERVICE'] || undefined;
  if (here) {
    throw new MrpoError('usage', '--service: a service has its own backends', {
      hint: 'Leave out --backend and --device, or --service.',
    });
  }
  const address = serviceAddress(io, service === true ? undefined : service);
  if (address !== undefined) return address;
  throw new MrpoError('usage', '--service: which one?', {
    hint: 'Give its address behind --service, or in MRPO_SERVICE. "mrpo serve" starts one.',
  });
}

async function startOrResume(
  loaded: LoadedConfig,
  resume: TrainOptions['resume'],
  start: StartOptions,
  io: CliIo,
): Promise<Run> {
  if (resume === undefined) return startRun(loaded, start);
  const named = resume !== true && resume !== 'latest';
  const folder = named ? resolve(io.cwd, resume) : outputFolder(loaded.config.output);
  if (!named && !(await isRunFolder(folder))) return startRun(loaded, start);
  return resumeRun(folder, { ...start, config: loaded, acceptFinished: true });
}

/** Follows a run to its end and prints what came of it. */
export async function runWith(
  io: CliIo,
  { backend, json = false, quiet }: RunOptions,
  begin: (start: StartOptions) => Promise<Run>,
): Promise<void> {
  const cache = openLogpCache({ path: cacheFile(io.env) });
  try {
    const run = await begin({ signal: io.signal, env: io.env, backendAddress: backend, cache });
    const display = createRunDisplay(io, quiet);
    for await (const event of run.events) display.show(event);
    const failed = async (thrown: unknown): Promise<never> => {
      const { message } = toMrpoError(thrown);
      // The folder may be gone or full: what is known here is said in any case.
      const record = await readRun(run.folder).then(
        (stored) => stored.record,
        () => ({}),
      );
      if (json) printJson(io, { ...record, id: run.id, status: 'failed', folder: run.folder, reason: message });
      else io.note(`the run failed; what it wrote is in ${run.folder}, and "mrpo resume" can go on with it\n`);
      throw thrown;
    };
    const { status, run: stored } = await run.result.catch(failed);
    if (json) printJson(io, resultJson(stored));
    else io.out(resultText(stored));
    if (status === 'cancelled') {
      const hint = `Go on with: mrpo resume ${run.folder}`;
      throw new MrpoError('aborted', `${stored.record.reason ?? 'stopped'}; the run folder is ${run.folder}`, { hint });
    }
  } finally {
    cache.close();
  }
}
