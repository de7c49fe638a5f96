/** `mrpo evaluate`: the measures of held-out pairs, without training. */
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { MrpoError } from '../../core/errors.js';
import { evaluateModel, evaluateRun, isRunFolder, loadConfig, type ModelEvaluation } from '../../sdk/index.js';
import { cacheFile, openLogpCache } from '../../references/index.js';
import { collect, printJson, type CliIo } from '../command.js';
import { baselineText, metricTable } from '../metric-text.js';
import { createRunDisplay } from '../run-display.js';

interface EvaluateOptions {
  readonly set: readonly string[];
  readonly backend?: string;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

/** Adds `mrpo evaluate` for a configuration file or a run folder. */
export function registerEvaluate(program: Command, io: CliIo): void {
  program
    .command('evaluate')
    .description("Accuracies and margins on held-out pairs: of a configuration's policy as it starts, or of a run.")
    .argument('<config-or-run>', 'configuration file, or the folder of a run')
    .option('--set <key=value>', 'override a setting of a configuration file; may be given again', collect, [])
    .option(
      '--backend <address>',
      'a running backend (host:port or unix:/path); default: MRPO_BACKEND, else one is started',
    )
    .option('--json', 'print one JSON object on standard output')
    .option('--quiet', 'no progress')
    .addHelpText('after', '\nExamples:\n  $ npx mrpo evaluate my-run.yaml\n  $ npx mrpo evaluate runs/my-run --json\n')
    .action(async (source: string, { set, backend, json, quiet }: EvaluateOptions) => {
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
