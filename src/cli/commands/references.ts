/** `mrpo references`: what each reference says of the pairs, from the cache alone. */
import type { Command } from 'commander';
import { createReferenceReport, readReferences } from '../../references/index.js';
import { collect, printJson, type CliIo } from '../command.js';
import { referenceReportText } from '../reference-report-text.js';
import { withScoringInputs } from '../scoring-inputs.js';

interface ReferencesOptions {
  readonly set: readonly string[];
  readonly backend?: string;
  readonly json?: boolean;
}

/** Adds `mrpo references`, a report from cached scores. */
export function registerReferences(program: Command, io: CliIo): void {
  program
    .command('references')
    .description(
      'What each reference says of the pairs: accuracy, agreement, weight, dominance, clipping, length bias, health. From the cache alone.',
    )
    .argument('<config>', 'configuration file (YAML or JSON)')
    .option('--set <key=value>', 'override a setting; may be given again', collect, [])
    .option(
      '--backend <address>',
      'asked only for models whose files have changed; default: MRPO_BACKEND, else one is started',
    )
    .option('--json', 'print one JSON object on standard output')
    .addHelpText(
      'after',
      `
Score the references first (mrpo score); after that no model is loaded, whatever the settings of the objective.

Example:
  $ npx mrpo references my-run.yaml --set objective.clip.epsilon_max=0.2
`,
    )
    .action((file: string, options: ReferencesOptions) =>
      withScoringInputs(io, file, options, async ({ config, pairs, cache, backend, baseDir }) => {
        const scores = await readReferences({ config, pairs, cache, startBackend: backend.open, signal: io.signal });
        const report = await createReferenceReport({ scores, pairs, objective: config.objective, baseDir });
        if (options.json === true) printJson(io, report);
        else io.out(referenceReportText(report));
      }),
    );
}
