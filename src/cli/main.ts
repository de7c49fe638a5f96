/**
 * The `mrpo` command. Only the asked command's file is loaded, so that `--help` is quick. Exit codes: 0 done,
 * 1 failed, 2 bad usage or configuration, 130 interrupted.
 */
import { createInterface } from 'node:readline/promises';
import { Command, CommanderError } from 'commander';
import { closest, distance } from 'fastest-levenshtein';
import { abortError } from '../core/abort.js';
import { MrpoError, toMrpoError, type ErrorCode } from '../core/errors.js';
import { applyDotenv } from '../config/dotenv.js';
import { VERSION } from '../core/version.js';
import type { CliIo, RegisterCommand } from './command.js';
import { createProgress, silentProgress, type ProgressDisplay } from './progress.js';

interface CommandEntry {
  readonly summary: string;
  readonly load: () => Promise<RegisterCommand>;
}

/** In the order of a first encounter; the summaries are what `mrpo --help` shows. */
const COMMANDS: Readonly<Record<string, CommandEntry>> = {
  init: {
    summary: 'write a commented starter configuration',
    load: async () => (await import('./commands/init.js')).registerInit,
  },
  data: {
    summary: 'show what is understood of a preference file',
    load: async () => (await import('./commands/data.js')).registerData,
  },
  plan: {
    summary: 'memory and time of a run, before anything is loaded',
    load: async () => (await import('./commands/plan.js')).registerPlan,
  },
  score: {
    summary: 'score the references of a configuration into the cache',
    load: async () => (await import('./commands/score.js')).registerScore,
  },
  references: {
    summary: 'what each reference says of the pairs, from the cache',
    load: async () => (await import('./commands/references.js')).registerReferences,
  },
  whatif: {
    summary: 'sweep trust region, weights, pooling and reference subsets, from the cache',
    load: async () => (await import('./commands/whatif.js')).registerWhatif,
  },
  train: {
    summary: 'train a policy on preference pairs',
    load: async () => (await import('./commands/train.js')).registerTrain,
  },
  resume: {
    summary: 'go on with a run that was stopped or has failed',
    load: async () => (await import('./commands/resume.js')).registerResume,
  },
  evaluate: {
    summary: 'accuracies and margins of a run or a model on held-out pairs',
    load: async () => (await import('./commands/evaluate.js')).registerEvaluate,
  },
  generate: {
    summary: 'text from a model or a run, greedy or sampled',
    load: async () => (await import('./commands/generate.js')).registerGenerate,
  },
  export: {
    summary: 'the adapter of a run, or the merged model, as a folder',
    load: async () => (await import('./commands/export.js')).registerExport,
  },
  matrix: {
    summary: 'every combination of some settings, compared with honest statistics',
    load: async () => (await import('./commands/matrix.js')).registerMatrix,
  },
  reproduce: {
    summary: "the paper's tables and figures at three scales",
    load: async () => (await import('./commands/reproduce.js')).registerReproduce,
  },
  explain: {
    summary: 'the loss of given log-probs, step by step',
    load: async () => (await import('./commands/explain.js')).registerExplain,
  },
  page: {
    summary: 'watch the runs of a folder on a web page',
    load: async () => (await import('./commands/page.js')).registerPage,
  },
  cache: {
    summary: 'size, contents, export and import of the log-prob cache',
    load: async () => (await import('./commands/cache.js')).registerCache,
  },
  submit: {
    summary: 'order a run from a service',
    load: async () => (await import('./commands/submit.js')).registerSubmit,
  },
  runs: {
    summary: 'list, watch, stop, go on with and compare runs',
    load: async () => (await import('./commands/runs.js')).registerRuns,
  },
  serve: {
    summary: 'run the service that orders and keeps runs for other programs',
    load: async () => (await import('./commands/serve.js')).registerServe,
  },
  backend: {
    summary: 'run the gRPC backend on its own',
    load: async () => (await import('./commands/backend.js')).registerBackend,
  },
  call: {
    summary: 'call any method of a running backend by hand',
    load: async () => (await import('./commands/call.js')).registerCall,
  },
  doctor: {
    summary: 'check this machine: Python, packages, GPU, disk',
    load: async () => (await import('./commands/doctor.js')).registerDoctor,
  },
};

const EXIT_CODES: Readonly<Partial<Record<ErrorCode, number>>> = { usage: 2, config: 2, aborted: 130 };
const EXIT_FAILED = 1;
const EXIT_INTERRUPTED = 130;

/** Runs one command line (without `node` and the script) and gives the exit code. */
export async function runCli(argv: readonly string[], io: CliIo): Promise<number> {
  const debug = io.env['MRPO_DEBUG'] !== undefined && io.env['MRPO_DEBUG'] !== '';
  try {
    const program = await buildProgram(argv, io);
    await program.parseAsync([...argv], { from: 'user' });
    return 0;
  } catch (thrown) {
    if (thrown instanceof CommanderError) {
      return thrown.exitCode === 0 ? 0 : 2; // commander has already said why
    }
    const error = toMrpoError(thrown);
    io.note(`${errorText(error, debug)}\n`);
    return EXIT_CODES[error.code] ?? EXIT_FAILED;
  }
}

async function buildProgram(argv: readonly string[], io: CliIo): Promise<Command> {
  const program = new Command('mrpo')
    .description('Align a language model with human preferences while several reference models keep it in check.')
    .version(VERSION)
    .exitOverride()
    .configureOutput({ writeOut: io.out, writeErr: io.note })
    .showHelpAfterError('(add --help for the options and an example)')
    .addHelpText('after', '\nExample:\n  $ npx mrpo init my-run.yaml && npx mrpo train my-run.yaml\n');
  const asked = argv.find((argument) => !argument.startsWith('-'));
  const name = asked === 'help' ? argv[argv.indexOf('help') + 1] : asked;
  if (name === undefined) {
    for (const [other, { summary }] of Object.entries(COMMANDS)) program.command(other).description(summary);
    if (argv.length === 0) program.action(() => program.help());
    return program;
  }
  const entry = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (entry === undefined) throw unknownCommand(name);
  const env = { ...io.env };
  (await entry.load())(program, { ...io, env });
  for (const command of program.commands) {
    if (command.options.some(({ long }) => long === '--backend')) addDeviceOption(command, env);
    command.exitOverride().configureOutput({ writeOut: io.out, writeErr: io.note });
  }
  return program;
}

/** Of every command that may start a backend of its own: `--device` says what the variable MRPO_DEVICE says. */
function addDeviceOption(command: Command, env: Record<string, string | undefined>): void {
  command
    .option('--device <device>', 'auto, cpu, cuda or cuda:1, for a backend that is started (default: MRPO_DEVICE)')
    .hook('preAction', () => {
      const { device, backend } = command.opts<{ readonly device?: string; readonly backend?: string }>();
      if (device === undefined) return;
      if (backend !== undefined) {
        throw new MrpoError('usage', `--device ${device}: the backend at ${backend} runs and has its device`, {
          hint: 'Leave one of --device and --backend out, or start that backend with --device.',
        });
      }
      env['MRPO_DEVICE'] = device;
    });
}

function unknownCommand(name: string): MrpoError {
  const names = Object.keys(COMMANDS);
  const nearest = closest(name, names);
  return new MrpoError('usage', `unknown command "${name}"; expected one of ${names.join(', ')}`, {
    hint: distance(name, nearest) <= 3 ? `Did you mean "mrpo ${nearest}"?` : 'See "mrpo --help".',
  });
}

/** The message, the hint, and with MRPO_DEBUG the whole chain of causes. */
function errorText(error: MrpoError, debug: boolean): string {
  const lines = [error.code === 'aborted' ? error.message : `error: ${error.message}`]; // who stops it knows that
  if (error.hint !== undefined) lines.push(`  ${error.hint}`);
  if (error.code === 'internal' && !debug)
    lines.push('  This is a defect of mrpo. Set MRPO_DEBUG=1 to see where it happened.');
  if (debug) {
    for (let cause: unknown = error; cause instanceof Error; cause = cause.cause)
      lines.push(cause.stack ?? cause.message);
  }
  return lines.join('\n');
}

/** Settings of the working folder's `.env` for this process; says what it sets in vain. */
export function loadDotenv(): void {
  for (const note of applyDotenv(process.env, process.cwd())) process.stderr.write(`${note}\n`);
}

/** Whether a command only looks at what goes on without it: nothing of it has to stop. */
function onlyFollows(argv: readonly string[]): boolean {
  const [command, below] = argv.filter((argument) => !argument.startsWith('-'));
  return command === 'page' || (command === 'runs' && below === 'watch');
}

/** The process as a {@link CliIo}: real streams, Ctrl-C. */
export function processIo(argv: readonly string[]): CliIo {
  const stop = new AbortController();
  let shown: ProgressDisplay = silentProgress;
  const interrupt = (): void => {
    if (stop.signal.aborted) return;
    stop.abort(new MrpoError('aborted', 'interrupted'));
    shown.stop(); // what is written over a bar would be overwritten
    const stopping = onlyFollows(argv) ? '' : 'stopping at the next safe point; press Ctrl-C again to stop at once\n';
    process.stderr.write(`\n${stopping}`);
  };
  process.on('SIGINT', () => {
    if (stop.signal.aborted) {
      shown.stop(); // the cursor is hidden beside a bar
      process.exit(EXIT_INTERRUPTED);
    }
    interrupt();
  });
  // Batch systems, shells and closed terminals ask once and more; only a person's second Ctrl-C means "at once".
  for (const signal of ['SIGTERM', 'SIGHUP', 'SIGQUIT'] as const) process.on(signal, interrupt);
  // Who no longer reads the result (`mrpo ... | head`) has had enough of it; that is no crash.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : EXIT_FAILED));
  // The work goes on without the notes that nobody can read any more.
  process.stderr.on('error', () => undefined);
  const quiet = argv.includes('--quiet');
  const canAsk = process.stdin.isTTY && process.stderr.isTTY;
  return {
    out: (text) => void process.stdout.write(text),
    note: (text) => void process.stderr.write(text),
    env: process.env,
    cwd: process.cwd(),
    signal: stop.signal,
    progress: (title) => (shown = quiet ? silentProgress : createProgress(title, process.stderr)),
    readStdin: async () => {
      const leave = (): void => void process.stdin.destroy(abortError(stop.signal));
      stop.signal.addEventListener('abort', leave, { once: true });
      const chunks: Buffer[] = [];
      for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
      stop.signal.removeEventListener('abort', leave);
      return Buffer.concat(chunks).toString('utf8');
    },
    confirm: canAsk ? (question) => askAtTerminal(question, stop.signal) : undefined,
  };
}

async function askAtTerminal(question: string, signal: AbortSignal): Promise<boolean> {
  // Not in the terminal's raw mode: there Ctrl-C would be a character, and no signal.
  const lines = createInterface({ input: process.stdin, output: process.stderr, terminal: false });
  try {
    return /^\s*y(es)?\s*$/i.test(await lines.question(question, { signal }));
  } catch {
    throw abortError(signal);
  } finally {
    lines.close();
  }
}

/** Entry of bin/mrpo.js, after {@link loadDotenv}: runs the process's command line and sets its exit code. */
export async function main(argv: readonly string[] = process.argv.slice(2)): Promise<void> {
  const io = processIo(argv);
  const run = (): Promise<number> => runCli(argv, io);
  const isTraced = Object.keys(io.env).some((name) => /^OTEL_EXPORTER_OTLP_(TRACES_)?ENDPOINT$/.test(name));
  process.exitCode = isTraced
    ? await (await import('./command-span.js')).tracedCommand(argv, io, run) // loaded only for who traces
    : await run();
}
