/** `mrpo whatif`: what other settings would do, from the cache alone. */
import { basename, resolve } from 'node:path';
import { percentText } from '../../core/quantities.js';
import { writeFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { MrpoError } from '../../core/errors.js';
import { exploreSettings, readReferences, type SettingResult, type Whatif } from '../../references/index.js';
import { whatifPage } from '../../reports/whatif/whatif-page.js';
import { collect, printJson, type CliIo } from '../command.js';
import { withScoringInputs } from '../scoring-inputs.js';
import { textTable } from '../text-table.js';

interface WhatifOptions {
  readonly set: readonly string[];
  readonly backend?: string;
  readonly html?: string;
  readonly json?: boolean;
}

/** Adds `mrpo whatif`, a sweep over cached scores. */
export function registerWhatif(program: Command, io: CliIo): void {
  program
    .command('whatif')
    .description(
      'Sweep trust region, weights, pooling and sets of references: what each setting does to DPO before any training. From the cache alone.',
    )
    .argument('<config>', 'configuration file (YAML or JSON)')
    .option('--set <key=value>', 'override a setting; may be given again', collect, [])
    .option('--html <file>', 'also write a page with plots: one file, no network')
    .option(
      '--backend <address>',
      'asked only for models whose files have changed; default: MRPO_BACKEND, else one is started',
    )
    .option('--json', 'print one JSON object on standard output')
    .option('--quiet', 'no progress')
    .addHelpText(
      'after',
      `
Score the references first (mrpo score). Each setting adds one constant to the DPO margin of every pair, the offset.

Example:
  $ npx mrpo whatif my-run.yaml --html whatif.html
`,
    )
    .action((file: string, options: WhatifOptions) =>
      withScoringInputs(io, file, options, async ({ config, pairs, cache, backend }) => {
        const scores = await readReferences({ config, pairs, cache, startBackend: backend.open, signal: io.signal });
        const progress = io.progress('settings');
        const whatif = await exploreSettings({
          scores,
          pairs,
          objective: config.objective,
          onProgress: (done, total) => progress.update(done, total),
        });
        progress.stop();
        if (options.html !== undefined)
          await writePage(resolve(io.cwd, options.html), whatifPage(whatif, basename(file)));
        if (options.json === true) printJson(io, withoutColumns(whatif));
        else io.out(whatifText(whatif));
        if (options.html !== undefined) io.note(`page: ${options.html}\n`);
      }),
    );
}

async function writePage(path: string, page: string): Promise<void> {
  try {
    await writeFile(path, page);
  } catch (cause) {
    throw new MrpoError(
      'usage',
      `--html ${path}: cannot be written: ${cause instanceof Error ? cause.message : String(cause)}`,
      { cause },
    );
  }
}

/** The figures without the column of every pair. */
const withoutColumns = ({ configuredOffsets: _columns, ...rest }: Whatif): unknown => rest;

function whatifText(whatif: Whatif): string {
  const { results, longerIsChosen, dpoStepZeroAccuracy, usable, pairs, assumed } = whatif;
  const groups = ['configured', 'trust region', 'weights', 'pooling', 'references', 'grid'] as const;
  const sections = groups.flatMap((group) => {
    const rows = results.filter(({ setting }) => setting.group === group);
    return rows.length === 0
      ? []
      : [textTable([group, 'step 0', 'virtual', 'offset', 'spread', 'longer', 'weaker', 'stronger'], rows.map(rowOf))];
  });
  return [
    `${usable} of ${pairs} pairs. Baseline: the longer response is the chosen one in ${percentText(longerIsChosen.share)}; DPO at step 0: ${percentText(dpoStepZeroAccuracy?.share)} (ties count 0).`,
    ...(assumed === undefined ? [] : [`Note: ${assumed}.`]),
    '',
    'step 0: reward accuracy before any training. virtual: pairs that the virtual reference ranks right. offset, spread: mean and',
    'standard deviation of what is added to the DPO margin of each pair. longer: of pairs with an offset, those where it favours the',
    'longer response. weaker, stronger: pairs that pull the policy at least a tenth less, or more, than under DPO.',
    '',
    ...sections,
  ].join('\n');
}

function rowOf({
  setting,
  stepZeroAccuracy,
  virtualAccuracy,
  offset,
  favoursLonger,
  weakened,
  strengthened,
}: SettingResult): string[] {
  return [
    setting.label,
    percentText(stepZeroAccuracy?.share),
    percentText(virtualAccuracy.share),
    `${offset.mean >= 0 ? '+' : ''}${offset.mean.toFixed(3)}`,
    offset.sd.toFixed(3),
    percentText(favoursLonger.share),
    percentText(weakened),
    percentText(strengthened),
  ];
}
