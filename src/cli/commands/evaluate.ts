/** `mrpo evaluate`: the measures of held-out pairs, without training. */
import { resolve } from 'node:path';
import { Option, type Command } from 'commander';
import { MrpoError } from '../../core/errors.js';
import { evaluateModel, evaluateRun, isRunFolder, loadConfig, type ModelEvaluation } from '../../sdk/index.js';
import { cacheFile, openLogpCache } from '../../references/index.js';
import { PROFILE_NAMES } from '../../tasks/index.js';
import { collect, printJson, type CliIo } from '../command.js';
import { tellTasks, type TaskCliOptions } from '../evaluate-tasks.js';
import { baselineText, metricTable } from '../metric-text.js';
import { createRunDisplay } from '../run-display.js';

/** Adds `mrpo evaluate` for a configuration file, a run folder or, for tasks, a model. */
export function registerEvaluate(program: Command, io: CliIo): void {
  program
    .command('evaluate')
    .description(
      "Accuracies and margins on held-out pairs: of a configuration's policy as it starts, or of a run. With --tasks or --profile: scores of language understanding.",
    )
    .argument('<config-or-run>', 'configuration file, or the folder of a run; with --tasks also a model')
    .option('--set <key=value>', 'override a setting of a configuration file; may be given again', collect, [])
    .option(
      '--backend <address>',
      'a running backend (host:port or unix:/path); default: MRPO_BACKEND, else one is started',
    )
    .option('--tasks <names>', 'tasks of lm-evaluation-harness or task files (.yaml), comma-separated')
    .addOption(
      new Option('--profile <name>', 'which tasks, examples and numbers (default: paper)').choices(PROFILE_NAMES),
    )
    .option('--fewshot <n>', "examples before each question, in place of the profile's", count)
    .option('--limit <n>', 'only the first n documents of each task', count)
    .option('--batch-size <n>', 'requests at once (default: 8)', count)
    .option('--task-data <folder>', 'datasets of the hub as folders ORG/NAME in it: no network is needed then')
    .option('--out <folder>', 'write tasks.json and documents.jsonl (results per document) there')
    .option('--json', 'print one JSON object on standard output')
    .option('--quiet', 'no progress')
    .addHelpText(
      'after',
      `
Examples:
  $ npx mrpo evaluate my-run.yaml
  $ npx mrpo evaluate runs/my-run --json
  $ npx mrpo evaluate runs/my-run --tasks hellaswag,./my-task.yaml --out scores
  $ npx mrpo evaluate ./model --profile leaderboard-v1
`,
    )
    .action(async (source: string, options: TaskCliOptions) => {
      const { set, backend, json, quiet } = options;
      if (options.tasks !== undefined || options.profile !== undefined) return tellTasks(source, io, options);
      for (const only of ['fewshot', 'limit', 'batchSize', 'taskData', 'out'] as const) {
        if (options[only] === undefined) continue;
        const name = only.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
        throw new MrpoError('usage', `--${name} is for tasks: give --tasks or --profile as well`);
      }
      const display = createRunDisplay(io, quiet);
      const path = resolve(io.cwd, source);
      const isRun = await isRunFolder(path);
      if (isRun && set.length > 0)
        throw new MrpoError('usage', '--set changes a configuration file; a run is evaluated as it was configured');
      const cache = openLogpCache({ path: cacheFile(io.env) });
      try {
        const options = { signal: io.signal, env: io.env, backendAddress: backend, cache, onEvent: display.show };
        const evaluation = isRun
          ? await evaluateRun(path, options)
          : await evaluateModel(loadConfig({ file: source, set, env: io.env, cwd: io.cwd }), options);
        display.end();
        if (json === true) printJson(io, evaluation);
        else io.out(evaluationText(evaluation));
      } finally {
        display.end();
        cache.close();
      }
    });
}

function evaluationText({ pairs, measures, stepZero, longerIsChosen }: ModelEvaluation): string {
  const table = metricTable([
    ...(stepZero === undefined ? [] : [{ title: 'step 0', measures: stepZero }]),
    { title: `${pairs} pairs`, measures },
  ]);
  return `${table}\n${baselineText(longerIsChosen)}\n`;
}

function count(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0) {
    throw new MrpoError('usage', `got "${text}", expected a whole number from 0`);
  }
  return value;
}
